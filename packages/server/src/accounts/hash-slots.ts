import { fail } from '@really/protocol';
import { type Counter, type Histogram, type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform, Timer } from '../platform/platform.js';

export interface HashSlotsOptions {
  /** Hashes at once; each has its memory and a thread for itself. */
  readonly atOnce: number;
  /** How many more may wait. */
  readonly waiting: number;
  readonly platform: Pick<Platform, 'timers' | 'clock'>;
  readonly metrics?: Metrics | undefined;
  /** Those of the whole server, where it carries several apps: a slot of both is needed. */
  readonly shared?: HashSlots | undefined;
}

interface Waiter {
  readonly begin: () => void;
  readonly timer: Timer;
}

/** Milliseconds that one may wait. */
const patience = 5000;

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * How many password hashes are made at once. One more waits its turn, and is refused with 503 where too
 * many wait already or its turn does not come in time (rule PWD9).
 */
export class HashSlots {
  readonly #options: HashSlotsOptions;
  readonly #waiting = new Set<Waiter>();
  readonly #refused: Counter;
  readonly #seconds: Histogram;
  #running = 0;

  constructor(options: HashSlotsOptions) {
    const { metrics = noMetrics } = options;
    this.#options = options;
    this.#refused = metrics.counter(
      'really_password_hashes_refused_total',
      'Password hashes refused because too many waited.',
    );
    this.#seconds = metrics.histogram(
      'really_password_hash_seconds',
      'Time that a password hash took, without waiting.',
      seconds,
    );
    metrics.observe('really_password_hashes', 'Password hashes being made.', () => this.#running);
    metrics.observe('really_password_hashes_waiting', 'Password hashes that wait.', () => {
      return this.#waiting.size;
    });
  }

  /** Runs `work` in its turn. Rejects with 503 where there is none. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.atOnce) this.#running += 1;
    else await this.#turn();
    const { shared } = this.#options;
    const timed = () => this.#time(work);
    try {
      return await (shared ? shared.run(timed) : timed());
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
  #turn(): Promise<void> {
    const { waiting: most, platform } = this.#options;
    if (this.#waiting.size >= most) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      const timer = platform.timers.after(patience, () => {
        this.#waiting.delete(waiter);
        reject(this.#refusal());
      });
      const waiter: Waiter = { begin: resolve, timer };
      this.#waiting.add(waiter);
    });
  }

  #refusal(): Error {
    this.#refused.add();
    return fail('server.unavailable', undefined, { meta: { retryAfter: 1 } });
  }

  #release(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.timer.cancel();
    next.begin();
  }
}
