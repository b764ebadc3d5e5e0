import { fail } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { readBytes } from '../../platform/limits.js';
import type { PageStart } from '../../queries/page-tokenizer.js';
import { type Hit, Search } from '../../queries/search.js';
import type { LiveContext } from '../live-context.js';
import { viewNow } from '../push/view-now.js';
import type { QueryGroupTraits } from './query-group-traits.js';

/** Approximate bytes that a search may still find; `take` throws where that is more than is left. */
interface WindowRoom {
  readonly left: number;
  take(bytes: number): void;
}

/** Room for the objects of a live query, with those in reserve (rule LIM4). */
class BoundedWindowRoom implements WindowRoom {
  left: number;

  constructor(bytes: number) {
    this.left = bytes;
  }

  /** Throws 400 `window.too.large` where it is more than is left. */
  take(bytes: number): void {
    this.left -= bytes;
    if (this.left < 0) throw fail.invalid('cmdOpts.limit', 'window.too.large');
  }
}

export type WindowSearch = Pick<
  QueryGroupTraits,
  'auth' | 'finder' | 'owner' | 'scope' | 'filter' | 'order' | 'from'
> & {
  /** True if the owner asked for it, and not a change by others. */
  readonly isCharged?: boolean | undefined;
};

/**
 * The first `limit` objects of a query that the reader may subscribe to, in order; fewer only if
 * there are no more. An object that moves between pages is returned once, at its last position.
 */
export async function fetchWindow(
  context: LiveContext,
  model: Model,
  window: WindowSearch,
  limit: number,
  room: WindowRoom = new BoundedWindowRoom(readBytes(context.limits)),
): Promise<Hit[]> {
  const { from, isCharged } = window;
  const queryLimiter = isCharged ? context.queryCharge : undefined;
  const search = new Search({ ...window, model, services: { ...context, queryLimiter } });
  const found = new Map<string, Hit>();
  let start: PageStart | undefined = from && { place: from, back: false };
  for (;;) {
    // A page ends early only where it has more than there is room for.
    const { hits, end } = await search.scan({ start, skip: 0, limit, bytes: room.left + 1 });
    for (const { object } of hits) room.take(estimateBytes(object.data));
    for (const hit of await subscribable(context, model, hits, window)) {
      const { r } = hit.object;
      found.delete(r);
      found.set(r, hit);
    }
    if (!end || found.size >= limit) break;
    start = { place: end, back: false };
  }
  return [...found.values()].slice(0, limit);
}

async function subscribable(
  context: LiveContext,
  model: Model,
  hits: readonly Hit[],
  window: WindowSearch,
): Promise<readonly Hit[]> {
  if (model.access.subscribe === model.access.read) return hits;
  const sights = await Promise.all(
    hits.map(({ object }) => viewNow(context, model, object, window)),
  );
  return hits.filter(({ object }, index) => {
    const sight = sights[index];
    // A later revision is on its way.
    return sight?.view.kind === 'visible' && sight.object === object;
  });
}
