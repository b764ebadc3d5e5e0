import { setImmediate as nextTick } from 'node:timers/promises';
import { FairLimiter } from '../platform/scheduling/fair-limiter.js';
import { InFlight } from '../platform/scheduling/in-flight.js';
import type { TickSlice } from '../platform/scheduling/tick-slice.js';
import type { StoredObject } from '../store/stored-object.js';
import type { ObjectCache } from './object-cache.js';
import type { WriteAsker } from './write-request.js';

/**
 * Reading and checking a large object takes milliseconds, however little of it is written. So
 * owners take turns, and others are served in between (rule LIM45).
 */
export class WriteTurns {
  readonly #cache: ObjectCache;
  readonly #loads: FairLimiter;
  readonly #large: FairLimiter;

  constructor(cache: ObjectCache, slice: TickSlice) {
    const deps = { inFlight: new InFlight(), slice };
    this.#cache = cache;
    this.#loads = new FairLimiter({ total: 64, perOwner: 16 }, deps);
    this.#large = new FairLimiter({ total: 1, perOwner: 1 }, deps);
  }

  /** The state that a write builds on. If it is not in memory, in the owner's turn. */
  async load(r: string, { owner, onLoad }: WriteAsker): Promise<StoredObject | undefined> {
    const known = this.#cache.known(r);
    if (known) return known;
    const object = await this.#loads.schedule(owner, () => this.#cache.base(r));
    if (object) onLoad?.(object);
    return object;
  }

  /** See `Objects.largeTurn`. */
  large(owner: string): Promise<void> {
    return new Promise((resolve) => {
      this.#large.run(owner, () => {
        resolve();
        return nextTick();
      });
    });
  }
}
