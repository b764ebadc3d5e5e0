import { fail } from '@really/protocol';
import { type Counter, type Histogram, type Metrics, noMetrics } from '../../platform/metrics.js';
import type { Platform, Timer } from '../../platform/platform.js';

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

interface WaitingHash {
  readonly begin: () => void;
  readonly refuse: () => void;
  /** A time on the monotonic clock; the earliest goes first. */
  readonly priority: number;
  readonly timer: Timer;
}

/** Milliseconds that a request may wait. */
const maxWait = 5000;

/** Milliseconds by which each hash delays the requester's next one. */
const hashPenalty = 6000;

/** Milliseconds by which known requesters are ahead of others. */
const knownHeadStart = 60_000;

/** Number of requesters above which forgotten ones are removed. */
const fewRequesters = 1024;

/** The requester of a hash: its network, with the account if that is known to log in from there. */
export interface HashRequester {
  readonly key: string;
  readonly isKnown?: boolean | undefined;
}

const anyRequester: HashRequester = { key: '' };

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * Limits concurrent password hashes. Further requests wait, and are refused with 503 where too many
 * are ahead of them, or after a timeout (rule PWD9). Requesters with the fewest recent
 * hashes go first, so a flood waits behind occasional requests.
 */
export class HashLimiter {
  readonly #options: HashLimiterOptions;
  readonly #waiting = new Set<WaitingHash>();
  readonly #refused: Counter;
  readonly #seconds: Histogram;
  /** When the recent hashes of each requester are paid off. */
  readonly #settledAt = new Map<string, number>();
  #sweepAt = fewRequesters;
  #running = 0;

  constructor(options: HashLimiterOptions) {
    const { metrics = noMetrics } = options;
    this.#options = options;
    this.#refused = metrics.counter(
      'really_password_hashes_refused_total',
      'Password hashes refused because too many waited.',
    );
    this.#seconds = metrics.histogram(
      'really_password_hash_duration_seconds',
      'Time that a password hash took, without waiting.',
      seconds,
    );
    metrics.observe('really_password_hashes', 'Password hashes being made.', () => this.#running);
    metrics.observe('really_password_hashes_waiting', 'Password hashes that wait.', () => {
      return this.#waiting.size;
    });
  }

  /** Runs `work` when it is its turn. Rejects with 503 where it is refused. */
  async run<T>(work: () => Promise<T>, requester = anyRequester): Promise<T> {
    const priority = this.#priorityOf(requester);
    if (this.#running < this.#options.concurrency) this.#running += 1;
    else await this.#waitForSlot(priority);
    const { shared } = this.#options;
    const timed = () => this.#time(work);
    try {
      return await (shared ? shared.run(timed, requester) : timed());
    } finally {
      this.#release();
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

  /** Resolves with the slot of a finished hash. */
  #waitForSlot(priority: number): Promise<void> {
    const { maxWaiting, platform } = this.#options;
    if (this.#waiting.size >= maxWaiting && !this.#evictLast(priority)) {
      return Promise.reject(this.#refusal());
    }
    return new Promise((resolve, reject) => {
      const timer = platform.timers.after(maxWait, () => {
        this.#waiting.delete(waiter);
        reject(this.#refusal());
      });
      const refuse = () => reject(this.#refusal());
      const waiter: WaitingHash = { begin: resolve, refuse, priority, timer };
      this.#waiting.add(waiter);
    });
  }

  /** Refuses the waiting request that would go last, if this one goes before it. */
  #evictLast(priority: number): boolean {
    const last = this.#first((a, b) => a.priority > b.priority);
    if (!last || last.priority <= priority) return false;
    this.#waiting.delete(last);
    last.timer.cancel();
    last.refuse();
    return true;
  }

  #first(isBefore: (a: WaitingHash, b: WaitingHash) => boolean): WaitingHash | undefined {
    let first: WaitingHash | undefined;
    for (const waiter of this.#waiting) if (!first || isBefore(waiter, first)) first = waiter;
    return first;
  }

  #priorityOf({ key, isKnown }: HashRequester): number {
    const now = this.#options.platform.clock.monotonic();
    const priority = Math.max(now, this.#settledAt.get(key) ?? now);
    this.#settledAt.set(key, priority + hashPenalty);
    if (this.#settledAt.size >= this.#sweepAt) this.#forget(now);
    return isKnown ? priority - knownHeadStart : priority;
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

  #release(): void {
    const next = this.#first((a, b) => a.priority < b.priority);
    if (!next) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.timer.cancel();
    next.begin();
  }
}
