import type { Pos } from '../stored-object.js';
import type { WriteRefusal } from '../write-group.js';
import { isUniqueViolation } from './errors.js';
import type { ChangeLog } from './tables/change-log.js';
import type { CollectionWriter } from './tables/collection-writer.js';
import type { Collections } from './tables/collections.js';
import { eraseObject } from './tables/erase-object.js';
import { type Location, locate } from './tables/location.js';
import type { EncodedObjectWithHistory } from './threads/messages.js';

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

/** Writes objects with their histories into the tables, inside a transaction. */
export class Restore {
  readonly #collections: Collections;
  readonly #log: ChangeLog;

  constructor(collections: Collections, log: ChangeLog) {
    this.#collections = collections;
    this.#log = log;
  }

  /** `position` is the last one in use; returns the new last one. Throws `RestoreRefused`. */
  restore(entries: readonly EncodedObjectWithHistory[], position: Pos): Pos {
    // First, so that two objects can swap the value of a unique field.
    const database = { collections: this.#collections, log: this.#log };
    for (const { r, replaces } of entries) if (replaces) eraseObject(database, r);
    let last = position;
    const touched = new Set<CollectionWriter>();
    for (const [index, entry] of entries.entries()) {
      const location = locate(entry.r);
      const collection = this.#collections.open(location.collection);
      this.#insert(entry, index, { collection, location, first: last + 1 });
      this.#addHistory(entry, collection, last);
      last += positionsOf(entry);
      touched.add(collection);
    }
    for (const { number } of touched) this.#log.raiseFloor(last, number);
    return last;
  }

  #insert(
    entry: EncodedObjectWithHistory,
    index: number,
    at: { collection: CollectionWriter; location: Location; first: Pos },
  ): void {
    const { state } = entry;
    const { collection, location, first } = at;
    const head = collection.head(location);
    if (head) {
      const [rev, deleted] = head;
      throw new RestoreRefused(index, { kind: 'conflict', rev, deleted: deleted === 1 });
    }
    try {
      const last = first + positionsOf(entry) - 1;
      collection.insert(location, { born: first, last }, state);
    } catch (error) {
      const fields = isUniqueViolation(error) ? collection.clash(location, state.data) : undefined;
      if (fields === undefined) throw error;
      throw new RestoreRefused(index, { kind: 'unique', fields });
    }
    const { deleted, modelVersion } = state;
    if (!deleted) this.#collections.written(collection, modelVersion);
  }

  /**
   * Each change links to the previous stored one, over pruned gaps too: a deletion must find all of
   * them, and readers of a history check the revisions.
   */
  #addHistory(
    { history }: EncodedObjectWithHistory,
    { number }: CollectionWriter,
    position: Pos,
  ): void {
    for (const [index, change] of history.entries()) {
      const pos = position + 1 + index;
      this.#log.append(pos, index === 0 ? 0 : pos - 1, number, change);
    }
  }
}

/** An object with an empty history takes a position too: its row number in the table. */
function positionsOf({ history }: EncodedObjectWithHistory): number {
  return Math.max(1, history.length);
}
