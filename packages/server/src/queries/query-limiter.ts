import { setImmediate as nextTurn } from 'node:timers/promises';
import { fail } from '@really/protocol';
import type { Budgets } from '../platform/budget.js';
import type { Limits, Rates } from '../platform/limits.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { FairQueue } from '../platform/scheduling/fair-queue.js';
import { RateLimit } from '../platform/scheduling/rate-limit.js';
import { Semaphore, type Waiter, type WaiterQueue } from '../platform/scheduling/semaphore.js';
import { ownerOf, type Requester } from './owner.js';

export interface QueryLimiterOptions {
  readonly limits: Pick<Limits, 'queriesAtOnce' | 'queryTime' | 'inFlight'>;
  readonly rates: Pick<Rates, 'queryTime'>;
  readonly budgets: Pick<Budgets, 'refuse'>;
  readonly platform: Pick<Platform, 'clock' | 'timers'>;
  readonly metrics?: Metrics | undefined;
}

/** Seconds over which the time that queries take is averaged. */
const averagedOver = 4;

/** Milliseconds of each read of the store that are free: an index lookup takes less. */
const freeTime = 1;

/**
 * Limits the concurrent queries of an owner (see `ownerOf`). Others wait for up to the time of a
 * query and are then refused with 429, or at once if too many of the user wait already (rule LIM7). Also limits the time
 * that they take in the threads of the store (rule LIM46).
 */
export class QueryLimiter {
  readonly #options: QueryLimiterOptions;
  /** By uid: the anonymous users of an address take turns. */
  readonly #byOwner = new Map<string, Semaphore<string>>();
  readonly #refused: Counter;
  /** Milliseconds of the threads of the store, by owner. */
  readonly #times: RateLimit;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: QueryLimiterOptions) {
    this.#options = options;
    const { metrics = noMetrics, rates, platform } = options;
    this.#times = new RateLimit({
      amount: rates.queryTime * averagedOver,
      window: averagedOver * 1000,
      clock: platform.clock,
    });
    metrics.observe('really_queries_running', 'Running queries.', () => this.#sum('taken'));
    metrics.observe(
      'really_queries_waiting',
      'Queries that wait for others of their user, or of anonymous users of their address.',
      () => this.#sum('waiting'),
    );
    this.#refused = metrics.counter(
      'really_queries_refused_total',
      'Queries refused because too many of their user, or of anonymous users of their address, were running or waiting.',
    );
  }

  /** Running and waiting queries. */
  get size(): number {
    return this.#sum('taken') + this.#sum('waiting');
  }

  /** Runs `query` when the owner has a free slot. */
  async run<T>(requester: Requester, query: () => Promise<T>): Promise<T> {
    const owner = ownerOf(requester);
    const slots = this.#byOwner.get(owner) ?? this.#open(owner);
    if (!(await slots.acquire(requester.auth.uid))) {
      this.#refused.add();
      throw fail.rateLimited();
    }
    try {
      await this.paidOff(owner);
      return await query();
    } finally {
      slots.release();
      if (slots.taken === 0) this.#byOwner.delete(owner);
    }
  }

  /** A thread of the store worked so many milliseconds for a read of this owner. */
  spend(owner: string, time: number): void {
    if (time > freeTime) this.#times.owe(owner, time - freeTime);
  }

  /** Resolves when the owner may use the threads again. Rejects with 429 if that takes too long. */
  async paidOff(owner: string): Promise<void> {
    const { limits, platform, budgets } = this.#options;
    for (let debt = this.#debtOf(owner); debt > 0; debt = this.#debtOf(owner)) {
      if (debt > limits.queryTime) {
        budgets.refuse('rate.queryTime');
        const error = { cmd: ['beyond rate.queryTime'] };
        throw fail.rateLimited(Math.ceil(debt / 1000), error);
      }
      await new Promise<void>((resolve) => platform.timers.after(debt, resolve));
    }
  }

  /** Milliseconds. */
  #debtOf(owner: string): number {
    return Math.ceil(this.#times.owe(owner, 0));
  }

  /** In a turn of its own: several large responses encoded in one would block all other work. */
  exclusiveTurn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(() => nextTurn());
    return this.#lastTurn;
  }

  #open(owner: string): Semaphore<string> {
    const { limits, platform } = this.#options;
    const slots = new Semaphore({
      slots: limits.queriesAtOnce,
      queue: boundedByUid(limits.inFlight),
      longestWait: limits.queryTime,
      timers: platform.timers,
    });
    this.#byOwner.set(owner, slots);
    return slots;
  }

  #sum(what: 'taken' | 'waiting'): number {
    let sum = 0;
    for (const slots of this.#byOwner.values()) sum += slots[what];
    return sum;
  }
}

/** A fair queue in which each uid has at most so many waiters. */
function boundedByUid(limit: number): WaiterQueue<string> {
  const waiting = new FairQueue<Waiter>();
  return {
    get size() {
      return waiting.size;
    },
    push(uid, waiter) {
      if (waiting.sizeOf(uid) >= limit) return false;
      waiting.push(uid, waiter);
      return true;
    },
    shift: () => waiting.shift(),
    delete: (uid, waiter) => waiting.delete(uid, waiter),
  };
}
