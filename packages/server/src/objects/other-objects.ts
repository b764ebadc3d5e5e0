import type { StoredObject } from '../store/stored-object.js';
import type { ObjectCache } from './object-cache.js';
import type { ObjectQueue } from './object-queue.js';
import type { QueuePlace } from './queue-slot.js';
import type { AreLiving, ReadObjects } from './write-request.js';

/** The objects that a write looks at besides its own while it is prepared: see `ReadObjects`. */
export class OtherObjects {
  readonly #queues: ReadonlyMap<string, ObjectQueue>;
  readonly #cache: ObjectCache;

  constructor(queues: ReadonlyMap<string, ObjectQueue>, cache: ObjectCache) {
    this.#queues = queues;
    this.#cache = cache;
  }

  /** What `prepare` gets for a request at this place. `own`: the objects of its batch as those before it leave them. */
  seenBy(
    place: QueuePlace,
    own?: ReadonlyMap<string, StoredObject | undefined>,
  ): [ReadObjects, AreLiving] {
    const read: ReadObjects = async (rs) => {
      await this.#settled(rs, place);
      return await this.#cache.readMany(rs);
    };
    const areLiving: AreLiving = async (rs) => {
      await this.#settled(rs, place);
      return await this.#cache.areLiving(rs);
    };
    if (!own) return [read, areLiving];
    return [
      (rs) => withOwn(own, rs, read, (head) => head),
      (rs) => withOwn(own, rs, areLiving, (head) => head?.deleted === false),
    ];
  }

  async #settled(rs: readonly string[], place: QueuePlace): Promise<void> {
    await Promise.all(rs.map((r) => this.#queues.get(r)?.whenSettled(place)));
  }
}

async function withOwn<T>(
  own: ReadonlyMap<string, StoredObject | undefined>,
  rs: readonly string[],
  find: (rs: readonly string[]) => Promise<T[]>,
  ofHead: (head: StoredObject | undefined) => T,
): Promise<T[]> {
  const others = await find(rs.filter((r) => !own.has(r)));
  let next = 0;
  return rs.map((r) => (own.has(r) ? ofHead(own.get(r)) : (others[next++] as T)));
}
