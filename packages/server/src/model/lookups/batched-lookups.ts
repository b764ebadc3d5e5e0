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
  const known = new Map<string, Found>();
  let bytes = 0;
  let waiting: Request[] = [];
  let isReading = false;

  const remember = (found: ReadonlyMap<string, Found>): void => {
    let more = 0;
    for (const object of found.values()) more += object ? pace.bytesOf(object) : 0;
    if (known.size + found.size > mostObjects || bytes + more > mostBytes) {
      known.clear();
      bytes = 0;
    }
    bytes += more;
    for (const [r, object] of found) known.set(r, object);
  };

  const answer = async (requests: readonly Request[], missing: ReadonlySet<string>) => {
    try {
      const rs = [...missing];
      const objects = rs.length > 0 ? await read(rs) : [];
      const found = new Map(rs.map((r, index) => [r, objects[index]]));
      for (const { rs: asked, resolve } of requests) {
        resolve(asked.map((r) => (found.has(r) ? found.get(r) : known.get(r))));
      }
      remember(found);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  };

  /** The next requests, which read so many objects at most, or as many as the first one asks for. */
  const take = () => {
    const missing = new Set<string>();
    let count = 0;
    for (const { rs } of waiting) {
      const more = rs.filter((r) => !known.has(r) && !missing.has(r));
      if (count > 0 && missing.size + more.length > readAtOnce) break;
      for (const r of more) missing.add(r);
      count += 1;
    }
    const requests = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return { requests, missing };
  };

  const readWaiting = async (): Promise<void> => {
    isReading = true;
    // After everything that runs in this turn has asked.
    await Promise.resolve();
    while (waiting.length > 0) {
      const { requests, missing } = take();
      await answer(requests, missing);
      const paused = pace.pause();
      if (paused) await paused;
    }
    isReading = false;
  };

  return (rs) => {
    if (rs.every((r) => known.has(r))) return rs.map((r) => known.get(r));
    return new Promise((resolve, reject) => {
      waiting.push({ rs, resolve, reject });
      if (!isReading) void readWaiting();
    });
  };
}
