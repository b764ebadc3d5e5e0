import type { CollectionLayout } from './collection-layout.js';
import type { Change } from './stored-object.js';

/** How far back the history of an object is visible; pruning may lag behind. */
export interface Horizon {
  /** The lowest visible revision, given the current one. */
  readonly oldestRev: (rev: number) => number;
  /** Changes before this moment are not visible, milliseconds since the epoch. */
  readonly oldestTime: (now: number) => number;
}

/**
 * Revisions kept of one object at most, whatever its model says: a deletion removes them in one
 * commit, for which all other writes wait.
 */
export const mostRevisions = 20_000;

/** Default: `defaultHistory` revisions, where a model sets neither a number nor an age. */
export function revisionsKept(
  { history, age }: CollectionLayout['retention'],
  defaultHistory: number,
): number {
  return Math.min(mostRevisions, history ?? (age === undefined ? defaultHistory : mostRevisions));
}

export function horizonOf(
  retention: CollectionLayout['retention'] | undefined,
  defaultHistory: number,
): Horizon {
  const age = retention?.age;
  const kept = revisionsKept(retention ?? {}, defaultHistory);
  return {
    oldestRev: (rev) => Math.max(1, rev - kept + 1),
    oldestTime: (now) => (age === undefined ? Number.NEGATIVE_INFINITY : now - age),
  };
}

/**
 * The part of a history that `Store.history` returns for an object at revision `rev`: the changes
 * from `after + 1` on, or none and `complete: false` where any is missing or beyond the horizon.
 */
export function publishedHistory<C extends Change>(
  stored: readonly C[],
  span: { readonly rev: number; readonly after: number; readonly limit: number },
  horizon: Horizon,
  now: number,
): { entries: readonly C[]; complete: boolean } {
  const wanted = Math.max(0, Math.min(span.limit, span.rev - span.after));
  const entries = stored.slice(0, wanted);
  const oldestRev = horizon.oldestRev(span.rev);
  const oldestTime = horizon.oldestTime(now);
  // A page with large changes may have fewer than are wanted. Those that were pruned are missing at its beginning.
  const isThere = wanted === 0 || entries.length > 0;
  const complete =
    isThere &&
    entries.every(
      (entry, index) =>
        entry.rev === span.after + 1 + index && entry.rev >= oldestRev && entry.at >= oldestTime,
    );
  return complete ? { entries, complete } : { entries: [], complete };
}
