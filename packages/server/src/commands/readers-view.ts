import type { Auth, ProtocolError } from '@really/protocol';
import type { Model } from '../model/model.js';
import { viewMany, visibleBody } from '../model/view.js';
import type { StoredObject } from '../store/store.js';

/** An object that a reader may see, and the fields of it that the reader may not. */
export interface Seen {
  readonly object: StoredObject;
  readonly hidden: readonly string[];
}

/**
 * What is left to judge, row by row, of what the store finds.
 * - `nothing`: everybody sees all of it.
 * - `everything`: nobody sees any of it.
 * - `rows`: the read rule decides on each object; what may be seen is seen whole, so that the store
 *   can filter and sort.
 * - `fields`: pre-get may hide fields, and a filter or sort must not see what is hidden: the store
 *   only lists.
 */
export type Judging = 'nothing' | 'everything' | 'rows' | 'fields';

export function judgingOf(model: Model): Judging {
  const { constant } = model.access.read;
  if (constant === false) return 'everything';
  if (model.hooks.preGet) return 'fields';
  return constant === true ? 'nothing' : 'rows';
}

/** Those of the objects that this reader may see, in their order. Throws where a hook failed: the command answers 500 then. */
export async function seenBy(
  model: Model,
  objects: readonly StoredObject[],
  auth: Auth,
): Promise<Seen[]> {
  const views = await viewMany(model, objects, auth);
  const seen: Seen[] = [];
  for (const [index, one] of views.entries()) {
    const object = objects[index];
    if (!object) continue;
    if (one.kind === 'visible') seen.push({ object, hidden: one.hidden });
    else assertJudged(one.error);
  }
  return seen;
}

/** Throws where nobody knows whether the reader may see it, because a script of the model failed (rule HOK8). */
export function assertJudged(refusal: ProtocolError): void {
  if (refusal.message === 'internal.server.error') throw refusal;
}

/** The object as its reader sees it: what is hidden is missing. */
export function asSeen({ object, hidden }: Seen): StoredObject {
  if (hidden.length === 0) return object;
  const { _r, _rev, ...data } = visibleBody(object, undefined, hidden);
  return { ...object, data };
}
