import type { Actor, JsonObject } from '@really/protocol';
import type { StoredObject } from '../store/stored-object.js';
import type { Write } from '../store/write-group.js';
import { createWrite, deleteWrite, updateWrite, type WriteOrigin } from './change.js';
import type { Objects } from './objects.js';
import type { WriteRequest } from './write-request.js';

/** The new content, given the current one, if there is one. What it throws refuses the write. */
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
        if (!head) return systemCreation(r, data, origin.at);
        return updateWrite(head, { data, delta: {}, touched: [] }, origin);
      },
    };
  }

  /** Resolves when it is on disk. Rejects with what `update` threw, or with 503. */
  async put(r: string, update: RecordUpdate): Promise<void> {
    await this.#objects.write(this.request(r, update));
  }

  /** If it exists and `isOver` agrees. Resolves when that is on disk. Rejects with 503. */
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
    return { by: systemActor, at: this.#objects.changeTime(), modelVersion: 0 };
  }
}

/** The author of what the server writes by itself. */
export const systemActor: Actor = { uid: '_system' };

/**
 * Creates a record. Its content is not in the history, which must not show old password hashes;
 * nobody receives its change. `at`: milliseconds since the Unix epoch.
 */
export function systemCreation(r: string, data: JsonObject, at: number): Write {
  const write = createWrite(r, data, { by: systemActor, at, modelVersion: 0 });
  return { ...write, change: { ...write.change, created: {} } };
}

/** A request for `Objects.writeAll` that creates a record under a new id. */
export function requestOf(creation: Write): WriteRequest {
  return { r: creation.object.r, fresh: true, prepare: () => creation };
}

function dataOf(head: StoredObject | undefined): JsonObject | undefined {
  return head && !head.deleted ? head.data : undefined;
}
