import { fail } from '@really/protocol';
import { type Counter, type Histogram, type Metrics, noMetrics } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import { Semaphore, type Waiter, type WaiterQueue } from '../../platform/scheduling/semaphore.js';

export interface HashLimiterOptions {
  /** Concurrent hashes; each has its own memory and thread. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly maxWaiting: number;
  readonly platform: Pick<Platform, 'timers' | 'clock'>;
  readonly metrics?: Metrics | undefined;
  /** The limiter of the whole server, where it serves several apps: a hash needs a slot of both. */
  readonly shared?: HashLimiter | undefined;
}

/** Milliseconds that a request may wait. */
const maxWait = 5000;

/** Milliseconds by which each hash delays the requester's next one. */
const hashPenalty = 6000;

/**
 * Milliseconds by which each hash for a known account delays the next one for any known account of
 * its network: everybody may sign up for many.
 */
const knownPenalty = 1000;

/** Milliseconds by which known requesters are ahead of others. */
const knownHeadStart = 60_000;

/** Milliseconds of delay at most, however many hashes there were. */
const longestDelay = 600_000;

/** Number of requesters above which forgotten ones are removed. */
const fewRequesters = 1024;

/** The requester of a hash. */
export interface HashRequester {
  readonly network: string;
  /** The account, if it is known to log in from there. */
  readonly account?: string | undefined;
}

const anyRequester: HashRequester = { network: '' };

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * Limits concurrent password hashes. Further requests wait, and are refused with 503 where too many
 * are ahead of them, or after a timeout (rule PWD9). Requesters with the fewest recent
 * hashes go first, so a flood waits behind occasional requests (rule PWD12).
 */
export class HashLimiter {
  readonly #options: HashLimiterOptions;
  readonly #slots: Semaphore<number>;
  readonly #refused: Counter;
  readonly #seconds: Histogram;
  /** When the recent hashes of each requester are paid off. */
  readonly #settledAt = new Map<string, number>();
  #sweepAt = fewRequesters;

  constructor(options: HashLimiterOptions) {
    const { concurrency, maxWaiting, platform, metrics = noMetrics } = options;
    this.#options = options;
    this.#slots = new Semaphore({
      slots: concurrency,
      queue: new PriorityQueue(maxWaiting),
      longestWait: maxWait,
      timers: platform.timers,
    });
    this.#refused = metrics.counter(
      'really_password_hashes_refused_total',
      'Password hashes refused because too many waited.',
    );
    this.#seconds = metrics.histogram(
      'really_password_hash_duration_seconds',
      'Time to compute a password hash; waiting is not included.',
      seconds,
    );
    metrics.observe('really_password_hashes', 'Password hashes being made.', () => {
      return this.#slots.taken;
    });
    metrics.observe('really_password_hashes_waiting', 'Password hashes that wait.', () => {
      return this.#slots.waiting;
    });
  }

  /** Runs `work` when it is its turn. Rejects with 503 where it is refused. */
  async run<T>(work: () => Promise<T>, requester = anyRequester): Promise<T> {
    if (!(await this.#slots.acquire(this.#priorityOf(requester)))) throw this.#refusal();
    const { shared } = this.#options;
    const timed = () => this.#time(work);
    try {
      return await (shared ? shared.run(timed, requester) : timed());
    } finally {
      this.#slots.release();
    }
  }

  async #time<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#options.platform;
    const began = clock.monotonic();
    try {
      return await work();
    } finally {
      this.#seconds.record((clock.monotonic() - began) / 1000);
    }
  }

  #priorityOf({ network, account }: HashRequester): number {
    const now = this.#options.platform.clock.monotonic();
    if (this.#settledAt.size >= this.#sweepAt) this.#forget(now);
    if (account === undefined) return this.#delay(network, hashPenalty, now);
    const ofAccount = this.#delay(`${network} ${account}`, hashPenalty, now);
    const ofNetwork = this.#delay(`${network} known`, knownPenalty, now);
    return Math.max(ofAccount, ofNetwork) - knownHeadStart;
  }

  /** When the hashes of this key so far are paid off; delays those that follow. */
  #delay(key: string, penalty: number, now: number): number {
    const settledAt = Math.max(now, this.#settledAt.get(key) ?? now);
    const delayed = Math.min(settledAt, now + longestDelay);
    this.#settledAt.set(key, delayed + penalty);
    return delayed;
  }

  #forget(now: number): void {
    for (const [key, settledAt] of this.#settledAt) {
      if (settledAt <= now) this.#settledAt.delete(key);
    }
    this.#sweepAt = Math.max(fewRequesters, this.#settledAt.size * 2);
  }

  #refusal(): Error {
    this.#refused.add();
    return fail('server.unavailable', undefined, { meta: { retryAfter: 1 } });
  }
}

/** Waiting hashes by priority, a time on the monotonic clock: the earliest goes first. */
class PriorityQueue implements WaiterQueue<number> {
  readonly #limit: number;
  readonly #priorities = new Map<Waiter, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#priorities.size;
  }

  /** Where too many wait, it takes the place of the last one, if that comes after it. */
  push(priority: number, waiter: Waiter): boolean {
    if (this.size >= this.#limit) {
      const last = this.#first((a, b) => a > b);
      if (!last || (this.#priorities.get(last) ?? 0) <= priority) return false;
      this.delete(priority, last);
      last(false);
    }
    this.#priorities.set(waiter, priority);
    return true;
  }

  shift(): Waiter | undefined {
    const next = this.#first((a, b) => a < b);
    if (next) this.#priorities.delete(next);
    return next;
  }

  delete(_priority: number, waiter: Waiter): void {
    this.#priorities.delete(waiter);
  }

  #first(isBefore: (a: number, b: number) => boolean): Waiter | undefined {
    let first: [Waiter, number] | undefined;
    for (const entry of this.#priorities) if (!first || isBefore(entry[1], first[1])) first = entry;
    return first?.[0];
  }
}
