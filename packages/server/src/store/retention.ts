import type { Change, CollectionLayout } from './store.js';

/** How far back the history of an object is told. Pruning may lag behind this; what is told never does. */
export interface Horizon {
  /** The lowest revision that is told, given the current one. */
  readonly oldestRev: (rev: number) => number;
  /** Changes before this moment are not told, milliseconds since the epoch. */
  readonly oldestTime: (now: number) => number;
}

/** A model that names neither a number of revisions nor an age gets `defaultHistory` revisions. */
export function horizonOf(
  retention: CollectionLayout['retention'] | undefined,
  defaultHistory: number,
): Horizon {
  const age = retention?.age;
  const kept = retention?.history ?? (age === undefined ? defaultHistory : undefined);
  return {
    oldestRev: (rev) => (kept === undefined ? 1 : Math.max(1, rev - kept + 1)),
    oldestTime: (now) => (age === undefined ? Number.NEGATIVE_INFINITY : now - age),
  };
}

/**
 * What `Store.history` may tell of an object at revision `rev`: the changes from `after + 1` on, or
 * none of them and `complete: false` where even one is missing or lies beyond the horizon.
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
  const complete =
    entries.length === wanted &&
    entries.every(
      (entry, index) =>
        entry.rev === span.after + 1 + index && entry.rev >= oldestRev && entry.at >= oldestTime,
    );
  return complete ? { entries, complete } : { entries: [], complete };
}
