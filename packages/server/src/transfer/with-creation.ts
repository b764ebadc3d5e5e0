import type { Change, StoredObject } from '../store/store.js';

/**
 * A history that begins as a store needs it: positions stay good only where every object that lives has
 * its creation. Who made it, and when, nobody knows.
 */
export function withCreation(
  object: StoredObject,
  history: readonly Change[],
  now: number,
): readonly Change[] {
  const { r, rev, deleted, modelVersion } = object;
  if (deleted || history[0]?.type === 'create') return history;
  const creation: Change = {
    ...{ r, rev: 1, type: 'create', modelVersion, at: now, by: { uid: '_system' } },
    ...{ delta: {}, touched: {}, created: rev === 1 ? object.data : {} },
  };
  return [creation, ...history];
}
