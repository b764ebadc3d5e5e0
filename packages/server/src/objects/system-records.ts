import type { JsonObject } from '@really/protocol';
import type { StoredObject, Write } from '../store/store.js';
import { createWrite, deleteWrite, updateWrite, type WriteOrigin } from './change.js';
import type { Objects } from './objects.js';
import type { WriteRequest } from './write-request.js';

/** What the record is to hold, given what it holds now (`undefined`: it is not there yet). What it throws refuses the write. */
export type RecordUpdate = (held: JsonObject | undefined) => JsonObject;

/**
 * What the server keeps for itself (accounts, revocations) beside the objects of the app: objects too,
 * under names that begin with `_` (`/_accounts/<id>`), which no command of a client can reach. They
 * are written in the line of their R like every object, so `Judge` sees the state that its record
 * replaces, on every node; and told over the bus like every change. Where a record was removed there never is one again.
 */
export class SystemRecords {
  readonly #objects: Objects;

  constructor(objects: Objects) {
    this.#objects = objects;
  }

  /** As committed. Rejects with 503 where the store is away. */
  async get(r: string): Promise<JsonObject | undefined> {
    return dataOf(await this.#objects.head(r));
  }

  /** For `Objects.writeAll`, to be written together with others. */
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

  /** Resolves when it is on disk. Rejects with what `judge` threw, or with 503. */
  async put(r: string, update: RecordUpdate): Promise<void> {
    await this.#objects.write(this.request(r, update));
  }

  /** Removes a record, if it is there and `isOver` says so. Resolves when that is on disk. Rejects with 503. */
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

/** The history says that it was made, and not what it held: a password hash of long ago is nobody's business. */
function silent(write: Write): Write {
  return { ...write, change: { ...write.change, created: {} } };
}

function dataOf(head: StoredObject | undefined): JsonObject | undefined {
  return head && !head.deleted ? head.data : undefined;
}
