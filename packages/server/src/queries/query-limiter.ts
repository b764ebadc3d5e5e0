import { setImmediate as nextTurn } from 'node:timers/promises';
import { fail } from '@really/protocol';
import type { Limits } from '../platform/limits.js';
import { type Counter, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform, Timer } from '../platform/platform.js';
import { FairQueue } from '../platform/scheduling/fair-queue.js';
import { ownerOf, type Requester } from './owner.js';

export interface QueryLimiterOptions {
  readonly limits: Pick<Limits, 'queriesAtOnce' | 'queryTime' | 'inFlight'>;
  readonly platform: Pick<Platform, 'timers'>;
  readonly metrics?: Metrics | undefined;
}

interface Waiter {
  readonly begin: () => void;
  readonly timer: Timer;
}

interface OwnerSlots {
  running: number;
  /** By uid: the anonymous users of an address take turns. */
  readonly waiting: FairQueue<Waiter>;
}

/**
 * Limits the concurrent queries of an owner (see `ownerOf`). Others wait for up to the time of a
 * query and are then refused with 429, or at once if too many of the user wait already (rule LIM7).
 */
export class QueryLimiter {
  readonly #options: QueryLimiterOptions;
  readonly #byOwner = new Map<string, OwnerSlots>();
  readonly #refused: Counter;
  #running = 0;
  #waiting = 0;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: QueryLimiterOptions) {
    this.#options = options;
    const { metrics = noMetrics } = options;
    metrics.observe('really_queries_running', 'Running queries.', () => this.#running);
    metrics.observe(
      'really_queries_waiting',
      'Queries that wait for others of their user, or of anonymous users of their address.',
      () => this.#waiting,
    );
    this.#refused = metrics.counter(
      'really_queries_refused_total',
      'Queries refused because too many of their user, or of anonymous users of their address, were running or waiting.',
    );
  }

  /** Running and waiting queries. */
  get size(): number {
    let size = 0;
    for (const { running, waiting } of this.#byOwner.values()) size += running + waiting.size;
    return size;
  }

  /** Runs `query` when the owner has a free slot. */
  async run<T>(requester: Requester, query: () => Promise<T>): Promise<T> {
    const owner = ownerOf(requester);
    const slots = this.#slots(owner);
    if (slots.running < this.#options.limits.queriesAtOnce) slots.running += 1;
    else await this.#waitForSlot(slots, requester.auth.uid);
    this.#running += 1;
    try {
      return await query();
    } finally {
      this.#running -= 1;
      this.#release(owner, slots);
    }
  }

  /**
   * Resolves in a turn of the event loop of its own: several large responses encoded in one turn
   * would block all other work.
   */
  exclusiveTurn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(() => nextTurn());
    return this.#lastTurn;
  }

  #slots(owner: string): OwnerSlots {
    const known = this.#byOwner.get(owner);
    if (known) return known;
    const slots: OwnerSlots = { running: 0, waiting: new FairQueue() };
    this.#byOwner.set(owner, slots);
    return slots;
  }

  /** Resolves when a finished query passes on its slot. */
  #waitForSlot({ waiting }: OwnerSlots, uid: string): Promise<void> {
    const { limits, platform } = this.#options;
    const refusal = fail('rate.limited', undefined, { meta: { retryAfter: 1 } });
    if (waiting.sizeOf(uid) >= limits.inFlight) return this.#refuse(refusal);
    this.#waiting += 1;
    const turn = new Promise<void>((resolve, reject) => {
      const timer = platform.timers.after(limits.queryTime, () => {
        waiting.delete(uid, waiter);
        reject(refusal);
      });
      const waiter: Waiter = { begin: resolve, timer };
      waiting.push(uid, waiter);
    });
    return turn
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  #refuse(error: unknown): Promise<never> {
    this.#refused.add();
    return Promise.reject(error);
  }

  #release(owner: string, slots: OwnerSlots): void {
    const next = slots.waiting.shift();
    if (next) {
      // The slot passes to the next query.
      next.timer.cancel();
      next.begin();
      return;
    }
    slots.running -= 1;
    if (slots.running === 0) this.#byOwner.delete(owner);
  }
}
