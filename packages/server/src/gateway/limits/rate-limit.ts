import type { Clock } from '../../platform/platform.js';

export interface RateLimitOptions {
  /** How much a key may take per window, and at once after a rest. 0 is off. */
  readonly amount: number;
  /** Milliseconds. */
  readonly window: number;
  readonly clock: Clock;
  /** What is counted as one, where that is not each key by itself. */
  readonly groupOf?: ((key: string) => string) | undefined;
}

/** Keys that are kept before the first look for forgotten ones. */
const fewKeys = 1024;

/**
 * Token buckets by key, one number each: the time at which the bucket will be full again. A bucket
 * that is full is forgotten, so what is kept is bounded by what was taken within one window.
 */
export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #groupOf: (key: string) => string;
  readonly #fullAt = new Map<string, number>();
  #sweepAt = fewKeys;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#groupOf = options.groupOf ?? ((key) => key);
  }

  /** Keys that are remembered. */
  get size(): number {
    return this.#fullAt.size;
  }

  /** Takes `cost` for `key`. 0: granted. Else the whole seconds after which it would be, and nothing was taken. */
  take(key: string, cost = 1): number {
    const { amount, window, clock } = this.#options;
    if (amount === 0) return 0;
    const now = clock.monotonic();
    const group = this.#groupOf(key);
    const fullAt = Math.max(this.#fullAt.get(group) ?? now, now) + (cost * window) / amount;
    // Sums of fractions may come out a hair above the window.
    const excess = fullAt - now - window - 1e-6;
    if (excess > 0) return Math.max(1, Math.ceil(excess / 1000));
    this.#fullAt.set(group, fullAt);
    if (this.#fullAt.size >= this.#sweepAt) this.#forgetFull(now);
    return 0;
  }

  /** Takes `cost` for `key`, whether there is as much or not. The answer is the milliseconds until there is something again. */
  owe(key: string, cost: number): number {
    const { amount, window, clock } = this.#options;
    if (amount === 0) return 0;
    const now = clock.monotonic();
    const group = this.#groupOf(key);
    const fullAt = Math.max(this.#fullAt.get(group) ?? now, now) + (cost * window) / amount;
    this.#fullAt.set(group, fullAt);
    if (this.#fullAt.size >= this.#sweepAt) this.#forgetFull(now);
    return Math.max(0, fullAt - now - window);
  }

  /** Undoes a `take` that was granted. */
  giveBack(key: string, cost = 1): void {
    const { amount, window } = this.#options;
    const group = this.#groupOf(key);
    const fullAt = this.#fullAt.get(group);
    if (fullAt !== undefined) this.#fullAt.set(group, fullAt - (cost * window) / amount);
  }

  #forgetFull(now: number): void {
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt <= now) this.#fullAt.delete(key);
    }
    this.#sweepAt = Math.max(fewKeys, this.#fullAt.size * 2);
  }
}
