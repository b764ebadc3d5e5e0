import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import { QueryTimeout, type ReadOptions, type ReadRequester } from '../store/store.js';

/**
 * The time that a query may take, or a look at the past, over all that it reads (rule LIM7). It begins with the first look at the store, and
 * stands still while a read waits for those of others (rule LIM13).
 */
export class QueryTimeBudget {
  readonly #platform: Pick<Platform, 'clock'>;
  readonly #limit: number;
  readonly #asker: ReadRequester;
  #begun: number | undefined;

  constructor(
    services: { platform: Pick<Platform, 'clock'>; limits: Pick<Limits, 'queryTime'> },
    owner: string,
  ) {
    this.#platform = services.platform;
    this.#limit = services.limits.queryTime;
    this.#asker = { owner, waited: 0 };
  }

  /** The store was away: what went by then is not its own time. */
  restart(): void {
    this.#begun = undefined;
  }

  /** Milliseconds. Throws `QueryTimeout` where there are none left. */
  get left(): number {
    const now = this.#platform.clock.monotonic();
    this.#begun ??= now;
    const left = this.#limit - (now - this.#begun - this.#asker.waited);
    if (left <= 0) throw new QueryTimeout(`the query took longer than ${this.#limit} ms`);
    return left;
  }

  /** For the read that comes now. Throws as `left`. */
  get patience(): ReadOptions {
    return { timeout: this.left, asker: this.#asker };
  }
}
