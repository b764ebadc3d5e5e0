import type { Clock } from '../platform.js';
import { Slice } from './slices.js';

/**
 * Long work that yields after each small step: nothing if other work may run, or a promise to wait
 * for. Anything read before a `yield` may have changed afterwards.
 */
export type Steps<Result = void> = Generator<Promise<unknown> | undefined, Result, void>;

/** The time that several pieces of work share in one tick of the event loop. */
export class TickSlice {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #slice: Slice | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get isOver(): boolean {
    this.#slice ??= this.#begin();
    return this.#slice.isOver;
  }

  /** Resolves in the next tick of the event loop. */
  async rest(): Promise<void> {
    await new Slice(this.#clock).rest();
  }

  /**
   * Runs as many steps as there is time for in this tick, and the rest in later ones; `undefined`
   * if all are done. Throws or rejects as the steps do.
   */
  run(steps: Steps<unknown>): Promise<void> | undefined {
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if (step.value || this.isOver) return this.#runLater(steps, step.value);
    }
    return undefined;
  }

  async #runLater(steps: Steps<unknown>, first: Promise<unknown> | undefined): Promise<void> {
    await (first ?? this.rest());
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if (step.value) await step.value;
      else if (this.isOver) await this.rest();
    }
  }

  #begin(): Slice {
    void this.rest().then(() => {
      this.#slice = undefined;
    });
    return new Slice(this.#clock);
  }
}

/** A step that waits for a promise and returns its result. */
export function* awaited<T>(promise: Promise<T>): Steps<T> {
  let resolved: { readonly value: T } | undefined;
  yield promise.then((value) => {
    resolved = { value };
  });
  if (!resolved) throw new Error('a step was not waited for');
  return resolved.value;
}
