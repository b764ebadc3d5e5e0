import type { Pos } from '../stored-object.js';
import type { WriteRefusal } from '../write-group.js';
import type { ChangeLog } from './tables/change-log.js';
import type { CollectionWriter } from './tables/collection-writer.js';
import type { Collections } from './tables/collections.js';
import { type Location, locate } from './tables/location.js';
import type { EncodedObjectWithHistory, ObjectState } from './threads/messages.js';

/** Thrown to roll the transaction back. */
export class RestoreRefused extends Error {
  readonly index: number;
  readonly refusal: WriteRefusal;
  constructor(index: number, refusal: WriteRefusal) {
    super('an object could not be restored');
    this.index = index;
    this.refusal = refusal;
  }
}

/**
 * Writes objects with their histories into the tables, inside a transaction. `position` is the last
 * one in use; returns the new last one. Throws `RestoreRefused`.
 */
export function restoreObjects(
  { collections, log }: { readonly collections: Collections; readonly log: ChangeLog },
  entries: readonly EncodedObjectWithHistory[],
  position: Pos,
): Pos {
  // First, so that two objects can swap the value of a unique field.
  for (const { r, replaces } of entries) if (replaces) collections.erase(r, log);
  let last = position;
  const touched = new Set<CollectionWriter>();
  for (const [index, { r, state, history }] of entries.entries()) {
    const location = locate(r);
    const collection = collections.open(location.collection);
    const born = last + 1;
    // An object with an empty history takes a position too: its row number in the table.
    last += Math.max(1, history.length);
    const refusal = insert(collection, location, { born, last }, state);
    if (refusal) throw new RestoreRefused(index, refusal);
    if (!state.deleted) collections.written(collection, state.modelVersion);
    // Each change links to the previous stored one, over pruned gaps too: a deletion must find all
    // of them, and readers of a history check the revisions.
    for (const [at, change] of history.entries()) {
      log.append(born + at, at === 0 ? 0 : born + at - 1, collection.number, change);
    }
    touched.add(collection);
  }
  for (const { number } of touched) log.raiseFloor(last, number);
  return last;
}

function insert(
  collection: CollectionWriter,
  location: Location,
  positions: { readonly born: Pos; readonly last: Pos },
  state: ObjectState,
): WriteRefusal | undefined {
  const head = collection.head(location);
  if (head) return { kind: 'conflict', rev: head[0], deleted: head[1] === 1 };
  try {
    collection.insert(location, positions, state);
  } catch (error) {
    return collection.clashOf(error, location, state.data);
  }
  return undefined;
}
