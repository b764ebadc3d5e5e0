import { NextTick } from '../../platform/scheduling/next-tick.js';

/** Work that can be deferred to the next tick. */
export interface QuotaWaiter {
  proceed(): void;
}

/**
 * Limits what one app may take in per tick of the event loop, which all apps of the server share: a
 * flood to one app then costs the others a part of each tick instead of everything that its sockets
 * hold.
 */
export class TickQuota {
  readonly #limit: number;
  readonly #nextTick: NextTick;
  /** In order of arrival. */
  readonly #waiting = new Set<QuotaWaiter>();
  #left: number;

  /** `limit`: messages and requests per tick of the event loop; may be infinite. */
  constructor(limit: number, schedule?: (task: () => void) => unknown) {
    this.#limit = limit;
    this.#left = limit;
    this.#nextTick = new NextTick(() => this.#begin(), schedule);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes one message. False: the quota of this tick is used up; call `wait`. */
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left -= 1;
    if (this.#left < Number.POSITIVE_INFINITY) this.#nextTick.request();
    return true;
  }

  /** Calls `proceed` once, in a later tick. */
  wait(waiter: QuotaWaiter): void {
    this.#waiting.add(waiter);
    this.#nextTick.request();
  }

  #begin(): void {
    this.#left = this.#limit;
    for (const waiter of this.#waiting) {
      if (this.#left <= 0) break;
      this.#waiting.delete(waiter);
      waiter.proceed();
    }
    if (this.#waiting.size > 0) this.#nextTick.request();
  }
}
