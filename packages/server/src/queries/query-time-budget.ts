import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import { QueryTimeout, type ReadOptions, type ReadRequester } from '../store/store.js';

/**
 * The time budget of a query or history read, over all its store reads (rule LIM7). It starts with
 * the first read, and pauses while a read waits for those of others (rule LIM13).
 */
export class QueryTimeBudget {
  readonly #platform: Pick<Platform, 'clock'>;
  readonly #limit: number;
  readonly #asker: ReadRequester;
  #startedAt: number | undefined;

  constructor(
    services: { platform: Pick<Platform, 'clock'>; limits: Pick<Limits, 'queryTime'> },
    owner: string,
  ) {
    this.#platform = services.platform;
    this.#limit = services.limits.queryTime;
    this.#asker = { owner, waited: 0 };
  }

  /** Resets the budget: time during which the store was unavailable does not count. */
  restart(): void {
    this.#startedAt = undefined;
  }

  /** Milliseconds. Throws `QueryTimeout` if none are left. */
  get left(): number {
    const now = this.#platform.clock.monotonic();
    this.#startedAt ??= now;
    const left = this.#limit - (now - this.#startedAt - this.#asker.waited);
    if (left <= 0) throw new QueryTimeout(`the query took longer than ${this.#limit} ms`);
    return left;
  }

  /** Options for the next read. Throws as `left`. */
  get patience(): ReadOptions {
    return { timeout: this.left, asker: this.#asker };
  }
}
