import { fail } from '@really/protocol';
import { type Counter, type Histogram, type Metrics, noMetrics } from '../../platform/metrics.js';
import type { Platform, Timer } from '../../platform/platform.js';

export interface HashLimiterOptions {
  /** Hashes at once; each has its memory and a thread for itself. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly maxWaiting: number;
  readonly platform: Pick<Platform, 'timers' | 'clock'>;
  readonly metrics?: Metrics | undefined;
  /** Those of the whole server, where it carries several apps: a slot of both is needed. */
  readonly shared?: HashLimiter | undefined;
}

interface WaitingHash {
  readonly begin: () => void;
  readonly refuse: () => void;
  /** Whose turn comes first has least. */
  readonly priority: number;
  readonly timer: Timer;
}

/** Milliseconds that one may wait. */
const maxWait = 5000;

/** Milliseconds by which the next turn of an asker is put back for each that they had. */
const turnPenalty = 6000;

/** By so much is who is known ahead of all others. */
const knownHeadStart = 60_000;

/** Askers that are remembered before the first look for forgotten ones. */
const fewRequesters = 1024;

/** Who asks for a hash: the network it comes from, and there the account where that is known to belong there. */
export interface HashRequester {
  readonly key: string;
  readonly isKnown?: boolean | undefined;
}

const anyRequester: HashRequester = { key: '' };

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * How many password hashes are made at once. One more waits its turn, and is refused with 503 where too many wait that have a better
 * place, or its turn does not come in time (rule PWD9). Turns go to those first who had fewest lately, so a flood stands behind whoever
 * comes now and then.
 */
export class HashLimiter {
  readonly #options: HashLimiterOptions;
  readonly #waiting = new Set<WaitingHash>();
  readonly #refused: Counter;
  readonly #seconds: Histogram;
  /** When each asker has made up for the turns that they had. */
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

  /** Runs `work` in its turn. Rejects with 503 where there is none. */
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

  /** Resolves with the slot of one that ended. */
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

  /** Refuses who has the last place, where that is behind this one. */
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
    this.#settledAt.set(key, priority + turnPenalty);
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
