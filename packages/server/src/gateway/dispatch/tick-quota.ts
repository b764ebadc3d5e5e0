/** What can be put off to the next turn. */
export interface QuotaWaiter {
  proceed(): void;
}

export interface TickQuotaOptions {
  /** Messages and requests in one turn of the event loop. */
  readonly limit: number;
  /** Calls back in the next turn. */
  readonly schedule?: ((task: () => void) => unknown) | undefined;
}

/**
 * What one app may take in within one turn of the event loop, which it shares with the other apps of its server: a
 * flood of one then costs the others a share of each turn, and not all that its sockets hold.
 */
export class TickQuota {
  readonly #limit: number;
  readonly #schedule: (task: () => void) => unknown;
  /** In the order of their coming. */
  readonly #waiting = new Set<QuotaWaiter>();
  #left: number;
  #scheduled = false;

  constructor({ limit, schedule = setImmediate }: TickQuotaOptions) {
    this.#limit = limit;
    this.#left = limit;
    this.#schedule = schedule;
  }

  /** Connections and requests that wait for the next turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes one. False: this turn's share is used up, and whoever asked had better `wait`. */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    this.#await();
    return true;
  }

  /** Calls `proceed` in one of the next turns, once. */
  wait(waiter: QuotaWaiter): void {
    this.#waiting.add(waiter);
    this.#await();
  }

  #await(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => this.#begin());
  }

  #begin(): void {
    this.#scheduled = false;
    this.#left = this.#limit;
    for (const waiter of this.#waiting) {
      if (this.#left <= 0) break;
      this.#waiting.delete(waiter);
      waiter.proceed();
    }
    if (this.#waiting.size > 0) this.#await();
  }
}
