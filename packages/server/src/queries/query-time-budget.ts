import type { Limits } from '../platform/limits.js';
import type { Platform } from '../platform/platform.js';
import { QueryTimeout } from '../store/store-errors.js';
import type { ReadOptions, ReadRequester } from '../store/store-reads.js';
import type { QueryLimiter } from './query-limiter.js';

export interface QueryTimeServices {
  readonly platform: Pick<Platform, 'clock'>;
  readonly limits: Pick<Limits, 'queryTime'>;
  /** Charges the owner; without it nobody is charged. */
  readonly queryLimiter?: Pick<QueryLimiter, 'spend'> | undefined;
}

/**
 * The time budget of a query or history read, over all its store reads (rule LIM7). It starts with
 * the first read, and pauses while a read waits for those of others (rule LIM13).
 */
export class QueryTimeBudget {
  readonly #services: QueryTimeServices;
  readonly #requester: ReadRequester;
  #startedAt: number | undefined;

  constructor(services: QueryTimeServices, owner: string) {
    const { queryLimiter } = services;
    this.#services = services;
    this.#requester = { owner, waited: 0, spend: (time) => queryLimiter?.spend(owner, time) };
  }

  /** Resets the budget: time during which the store was unavailable does not count. */
  restart(): void {
    this.#startedAt = undefined;
  }

  /** Milliseconds. Throws `QueryTimeout` if none are left. */
  get left(): number {
    const { platform, limits } = this.#services;
    const now = platform.clock.monotonic();
    this.#startedAt ??= now;
    const left = limits.queryTime - (now - this.#startedAt - this.#requester.waited);
    if (left <= 0) throw new QueryTimeout(`the query took longer than ${limits.queryTime} ms`);
    return left;
  }

  /** This thread worked so many milliseconds on the query, in place of one of the store. */
  spend(time: number): void {
    this.#requester.spend?.(time);
  }

  /** Options for the next read. Throws as `left`. */
  get patience(): ReadOptions {
    return { timeout: this.left, requester: this.#requester };
  }
}
