import type { Clock } from '../platform.js';
import { Slice } from './slices.js';

/**
 * A long piece of work, which yields after each small part of it: nothing where others may have their turn, or a promise that it has to wait for.
 * Whatever it looked at before a `yield` may be another afterwards.
 */
export type Steps<Result = void> = Generator<Promise<unknown> | undefined, Result, void>;

/** The time that several works together, which share it, have of one turn of the event loop. */
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

  /** Resolves in the next turn of the event loop. */
  async rest(): Promise<void> {
    await new Slice(this.#clock).rest();
  }

  /** Does as much of it as there is time for in this turn, and the rest in later ones; `undefined` where it is done. Throws, or rejects, as it does. */
  run(steps: Steps): Promise<void> | undefined {
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if (step.value || this.isOver) return this.#runLater(steps, step.value);
    }
    return undefined;
  }

  async #runLater(steps: Steps, first: Promise<unknown> | undefined): Promise<void> {
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

/** A step that waits for a promise, and what it resolves with. */
export function* awaited<T>(promise: Promise<T>): Steps<T> {
  let resolved: { readonly value: T } | undefined;
  yield promise.then((value) => {
    resolved = { value };
  });
  if (!resolved) throw new Error('a step was not waited for');
  return resolved.value;
}
