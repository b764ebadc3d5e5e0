import { setImmediate as nextTick } from 'node:timers/promises';
import type { Clock } from '../platform.js';

/** Milliseconds that one piece of work may block the main thread. */
export const sliceTime = 10;

/**
 * Limits how long a piece of work blocks the main thread. The work checks after each small step
 * whether its slice is over, and then yields:
 *
 *   for (const item of items) {
 *     work(item);
 *     if (slice.isOver) await slice.rest();
 *   }
 */
export class Slice {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #time: number;
  #begun: number;

  constructor(clock: Pick<Clock, 'monotonic'>, time = sliceTime) {
    this.#clock = clock;
    this.#time = time;
    this.#begun = clock.monotonic();
  }

  get isOver(): boolean {
    return this.#clock.monotonic() - this.#begun >= this.#time;
  }

  /** Resolves in the next tick of the event loop, with a new slice. */
  async rest(): Promise<void> {
    await nextTick();
    this.#begun = this.#clock.monotonic();
  }
}

/**
 * Runs work in small steps, and yields to the event loop when it takes long. Resolves with its
 * result.
 */
export async function inSlices<Result>(
  steps: Generator<void, Result>,
  clock: Pick<Clock, 'monotonic'>,
): Promise<Result> {
  const slice = new Slice(clock);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (slice.isOver) await slice.rest();
  }
}
