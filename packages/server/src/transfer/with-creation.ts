import { systemActor } from '../objects/system-records.js';
import type { Change, StoredObject } from '../store/stored-object.js';

/**
 * Adds the creation that a store requires: positions stay valid only where every living object has
 * one. Its author and time are not known.
 */
export function withCreation(
  object: StoredObject,
  history: readonly Change[],
  now: number,
): readonly Change[] {
  const { r, rev, deleted, modelVersion } = object;
  if (deleted || history[0]?.type === 'create') return history;
  const creation: Change = {
    ...{ r, rev: 1, type: 'create', modelVersion, at: now, by: systemActor },
    ...{ delta: {}, touched: {}, created: rev === 1 ? object.data : {} },
  };
  return [creation, ...history];
}
