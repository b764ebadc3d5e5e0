/** Work that can be deferred to the next tick. */
export interface QuotaWaiter {
  proceed(): void;
}

export interface TickQuotaOptions {
  /** Messages and requests per tick of the event loop. */
  readonly limit: number;
  /** Calls back in the next tick. */
  readonly schedule?: ((task: () => void) => unknown) | undefined;
}

/**
 * Limits what one app may take in per tick of the event loop, which all apps of the server share: a
 * flood to one app then costs the others a part of each tick instead of everything that its sockets
 * hold.
 */
export class TickQuota {
  readonly #limit: number;
  readonly #schedule: (task: () => void) => unknown;
  /** In order of arrival. */
  readonly #waiting = new Set<QuotaWaiter>();
  #left: number;
  #scheduled = false;

  constructor({ limit, schedule = setImmediate }: TickQuotaOptions) {
    this.#limit = limit;
    this.#left = limit;
    this.#schedule = schedule;
  }

  /** Connections and requests waiting for the next tick. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes one message. False: the quota of this tick is used up; call `wait`. */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    this.#await();
    return true;
  }

  /** Calls `proceed` once, in a later tick. */
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
