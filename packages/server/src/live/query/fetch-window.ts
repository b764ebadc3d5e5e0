import type { Model } from '../../model/model.js';
import { pushView } from '../../model/view/view.js';
import type { PageStart } from '../../queries/page-tokenizer.js';
import { type Hit, Search } from '../../queries/search.js';
import type { LiveContext } from '../live-context.js';
import type { QueryGroupTraits } from './query-group-traits.js';

export type WindowSearch = Pick<QueryGroupTraits, 'auth' | 'owner' | 'scope' | 'filter' | 'order'>;

/**
 * The first `limit` objects of a query that the reader may subscribe to, in order; fewer only if
 * there are no more. An object that moves between pages is returned once, at its last position.
 */
export async function fetchWindow(
  context: LiveContext,
  model: Model,
  { auth, owner, scope, filter, order }: WindowSearch,
  limit: number,
): Promise<Hit[]> {
  const search = new Search({ services: context, owner, auth, model, scope, filter, order });
  const found = new Map<string, Hit>();
  let start: PageStart | undefined;
  for (;;) {
    const hits = await search.page({ start, skip: 0, limit });
    for (const hit of await subscribable(model, hits, auth)) {
      const { r } = hit.object;
      found.delete(r);
      found.set(r, hit);
    }
    const last = hits.at(-1);
    if (!last || hits.length < limit || found.size >= limit) break;
    start = { place: last.place, back: false };
  }
  return [...found.values()].slice(0, limit);
}

async function subscribable(
  model: Model,
  hits: readonly Hit[],
  auth: WindowSearch['auth'],
): Promise<readonly Hit[]> {
  if (model.access.subscribe === model.access.read) return hits;
  const views = await Promise.all(hits.map(({ object }) => pushView(model, object, auth)));
  return hits.filter((_, index) => views[index]?.kind === 'visible');
}
