import type { Timers } from '../platform.js';

/** Called once: with true for a slot, with false where there is none to come. */
export type Waiter = (granted: boolean) => void;

/** Those who wait for a slot, in the order in which they get one. */
export interface WaiterQueue<Place> {
  readonly size: number;
  /** False where it may not wait. It may take the place of another, which it calls with false. */
  push(place: Place, waiter: Waiter): boolean;
  /** Removes and returns the next. */
  shift(): Waiter | undefined;
  delete(place: Place, waiter: Waiter): void;
}

export interface SemaphoreOptions<Place> {
  readonly slots: number;
  readonly queue: WaiterQueue<Place>;
  /** Milliseconds that a caller may wait. */
  readonly longestWait: number;
  readonly timers: Pick<Timers, 'after'>;
}

/** Slots for concurrent work, and a queue of those who wait for one, each for a limited time. */
export class Semaphore<Place> {
  readonly #options: SemaphoreOptions<Place>;
  #taken = 0;

  constructor(options: SemaphoreOptions<Place>) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#options.queue.size;
  }

  /**
   * Resolves to true with a slot, to be given back by `release`; to false where the queue does not
   * take it, or after the longest wait.
   */
  acquire(place: Place): Promise<boolean> {
    const { slots, queue, longestWait, timers } = this.#options;
    if (this.#taken < slots) {
      this.#taken += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const waiter: Waiter = (granted) => {
        timer.cancel();
        resolve(granted);
      };
      const timer = timers.after(longestWait, () => {
        queue.delete(place, waiter);
        resolve(false);
      });
      if (!queue.push(place, waiter)) waiter(false);
    });
  }

  /** Passes the slot on to the next in the queue. */
  release(): void {
    const next = this.#options.queue.shift();
    if (next) next(true);
    else this.#taken -= 1;
  }
}
