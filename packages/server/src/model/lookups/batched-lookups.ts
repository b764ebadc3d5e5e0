import type { StoredObject } from '../../store/stored-object.js';
import type { ReadLookups } from './lookup.js';

/** Objects that are read at once: each may be a megabyte. */
const readAtOnce = 8;

/** What is remembered at most; beyond it, objects are read again. */
const mostObjects = 10_000;
const mostBytes = 16 * 1024 * 1024;

type Found = StoredObject | undefined;

/** What one script looks at. */
interface Request {
  readonly rs: readonly string[];
  readonly resolve: (objects: readonly Found[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface LookupPace {
  /** Approximate bytes of an object. */
  bytesOf(object: StoredObject): number;
  /** Waited for before more is read. */
  pause(): Promise<void> | undefined;
}

/** For a few objects, of which none has to be paid. */
const unpaced: LookupPace = { bytesOf: () => 0, pause: () => undefined };

/**
 * Reads for many scripts that look at the same objects (rule LKP5): each object once, those that one
 * script asks for together, and otherwise a few at a time.
 */
export function batchedLookups(read: ReadLookups, pace = unpaced): ReadLookups {
  const batches = new LookupBatches(read, pace);
  return (rs) => batches.find(rs);
}

class LookupBatches {
  readonly #read: ReadLookups;
  readonly #pace: LookupPace;
  readonly #known = new Map<string, Found>();
  /** Of those that are known. */
  #bytes = 0;
  #waiting: Request[] = [];
  #isReading = false;

  constructor(read: ReadLookups, pace: LookupPace) {
    this.#read = read;
    this.#pace = pace;
  }

  find(rs: readonly string[]): readonly Found[] | Promise<readonly Found[]> {
    if (rs.every((r) => this.#known.has(r))) return rs.map((r) => this.#known.get(r));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rs, resolve, reject });
      if (!this.#isReading) void this.#readWaiting();
    });
  }

  async #readWaiting(): Promise<void> {
    this.#isReading = true;
    // After everything that runs in this turn has asked.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#answerNext();
      const paused = this.#pace.pause();
      if (paused) await paused;
    }
    this.#isReading = false;
  }

  /** The next requests, which read so many objects at most, or as many as the first one asks for. */
  async #answerNext(): Promise<void> {
    const missing = new Set<string>();
    let count = 0;
    for (const { rs } of this.#waiting) {
      const more = rs.filter((r) => !this.#known.has(r) && !missing.has(r));
      if (count > 0 && missing.size + more.length > readAtOnce) break;
      for (const r of more) missing.add(r);
      count += 1;
    }
    await this.#answer(this.#waiting.splice(0, count), [...missing]);
  }

  async #answer(requests: readonly Request[], missing: readonly string[]): Promise<void> {
    try {
      const objects = missing.length > 0 ? await this.#read(missing) : [];
      const found = new Map(missing.map((r, index) => [r, objects[index]]));
      for (const { rs, resolve } of requests) {
        resolve(rs.map((r) => (found.has(r) ? found.get(r) : this.#known.get(r))));
      }
      this.#remember(found);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  }

  #remember(found: ReadonlyMap<string, Found>): void {
    let more = 0;
    for (const object of found.values()) more += object ? this.#pace.bytesOf(object) : 0;
    if (this.#known.size + found.size > mostObjects || this.#bytes + more > mostBytes) {
      this.#known.clear();
      this.#bytes = 0;
    }
    this.#bytes += more;
    for (const [r, object] of found) this.#known.set(r, object);
  }
}
