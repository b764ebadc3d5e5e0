import type { Clock } from '../platform.js';

export interface RateLimitOptions {
  /** Amount per window and key, and the size of a burst. 0: no limit. */
  readonly amount: number;
  /** Milliseconds. */
  readonly window: number;
  readonly clock: Clock;
  /** Maps a key to the group that it is counted in; by default each key is its own. */
  readonly groupOf?: ((key: string) => string) | undefined;
}

/** Number of keys from which full buckets are looked for. */
const fewKeys = 1024;

/**
 * Token buckets by key, stored as one number each: the time at which the bucket will be full again.
 * Full buckets are forgotten, so the number kept is bounded by what was taken within one window.
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

  /** Keys with a state. */
  get size(): number {
    return this.#fullAt.size;
  }

  /**
   * Takes `cost` for `key`. Returns 0 if granted, else the whole seconds after which to retry, with
   * nothing taken.
   */
  take(key: string, cost = 1): number {
    // Sums of fractions may be slightly above the window.
    const excess = this.#spend(key, cost, 1e-6) - 1e-6;
    return excess > 0 ? Math.max(1, Math.ceil(excess / 1000)) : 0;
  }

  /**
   * Takes `cost` for `key`, going into debt if needed. Returns the milliseconds until the debt is
   * paid off.
   */
  owe(key: string, cost: number): number {
    return Math.max(0, this.#spend(key, cost, Number.POSITIVE_INFINITY));
  }

  /** Takes `cost` unless that makes a debt above `most`. Returns the debt, in milliseconds. */
  #spend(key: string, cost: number, most: number): number {
    const { amount, window, clock } = this.#options;
    if (amount === 0) return 0;
    const now = clock.monotonic();
    const group = this.#groupOf(key);
    const fullAt = Math.max(this.#fullAt.get(group) ?? now, now) + (cost * window) / amount;
    const debt = fullAt - now - window;
    if (debt > most) return debt;
    this.#fullAt.set(group, fullAt);
    if (this.#fullAt.size >= this.#sweepAt) this.#forgetFull(now);
    return debt;
  }

  /** Undoes a granted `take`. */
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
