import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../platform.js';

/** Milliseconds that one piece of work has the main thread for, before the others have their turn. */
export const sliceTime = 10;

/**
 * The time that a long piece of work had of the main thread since it last let the others have their turn. It asks after each small step
 * whether its slice is over, and then rests:
 *
 *   for (const one of many) {
 *     work(one);
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

  /** Resolves in the next turn of the event loop, with a new slice. */
  async rest(): Promise<void> {
    await nextTurn();
    this.#begun = this.#clock.monotonic();
  }
}

/** Runs work that goes in small steps, and lets the others have their turn where it takes long. Resolves with what it comes to. */
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
