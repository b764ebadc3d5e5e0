import type { JsonObject } from '@really/protocol';
import type { StoredObject, Write } from '../store/store.js';
import { createWrite, deleteWrite, updateWrite, type WriteOrigin } from './change.js';
import type { Objects } from './objects.js';
import type { WriteRequest } from './write-request.js';

/**
 * The record's new content, given the current one (`undefined`: there is no record yet). What it
 * throws refuses the write.
 */
export type RecordUpdate = (held: JsonObject | undefined) => JsonObject;

/**
 * The server's own records (accounts, revocations) beside the objects of the app. They are objects
 * too, with names that begin with `_` (`/_accounts/<id>`), which no client command can reach. They
 * are written through the queue of their R like every object, so `RecordUpdate` sees the state that
 * its record replaces, on every node; and published on the bus like every change. A removed record
 * cannot be created again.
 */
export class SystemRecords {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** The committed record. Rejects with 503 where the store is unavailable. */
  async get(r: string): Promise<JsonObject | undefined> {
    return dataOf(await this.#objects.head(r));
  }

  /** A request for `Objects.writeAll`, to be written together with others. */
  request(r: string, update: RecordUpdate): WriteRequest {
    return {
      r,
      prepare: (head) => {
        const data = update(dataOf(head));
        const origin = this.#origin();
        if (!head) return silent(createWrite(r, data, origin));
        return updateWrite(head, { data, delta: {}, touched: [] }, origin);
      },
    };
  }

  /** Resolves when it is on disk. Rejects with what `update` threw, or with 503. */
  async put(r: string, update: RecordUpdate): Promise<void> {
    await this.#objects.write(this.request(r, update));
  }

  /**
   * Removes a record, if it exists and `isOver` agrees. Resolves when that is on disk. Rejects with
   * 503.
   */
  async remove(r: string, isOver: (held: JsonObject) => boolean): Promise<void> {
    const stays = new Error('the record stays');
    const prepare = (head: StoredObject | undefined) => {
      if (!head || head.deleted || !isOver(head.data)) throw stays;
      return deleteWrite(head, this.#origin());
    };
    await this.#objects.write({ r, prepare }).catch((error: unknown) => {
      if (error !== stays) throw error;
    });
  }

  #origin(): WriteOrigin {
    return { by: { uid: '_system' }, at: this.#objects.changeTime(), modelVersion: 0 };
  }
}

/** Keeps the content out of the history: it must not show old password hashes. */
function silent(write: Write): Write {
  return { ...write, change: { ...write.change, created: {} } };
}

function dataOf(head: StoredObject | undefined): JsonObject | undefined {
  return head && !head.deleted ? head.data : undefined;
}
