import type { Clock } from '../platform.js';
import { FairQueue } from './fair-queue.js';
import { Slice, sliceTime } from './slices.js';

/**
 * Long work that yields after each small step: nothing if other work may run, or a promise to wait
 * for. Anything read before a `yield` may have changed afterwards.
 */
export type Steps<Result = void> = Generator<Promise<unknown> | undefined, Result, void>;

/**
 * The time that several pieces of work share in one tick of the event loop. Those of clients that
 * rest go on in later ticks, as many in each as there is time for: one of each owner in turn. Those
 * of the server itself go on in the next tick.
 */
export class TickSlice {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #time: number;
  #slice: Slice | undefined;
  readonly #resting = new FairQueue<() => void>();
  readonly #ownResting: (() => void)[] = [];
  #isTurnRequested = false;

  /** `time`: milliseconds. */
  constructor(clock: Pick<Clock, 'monotonic'>, time = sliceTime) {
    this.#clock = clock;
    this.#time = time;
  }

  get isOver(): boolean {
    return (this.#slice ?? this.#begin()).isOver;
  }

  /**
   * Resolves in a later tick of the event loop, when there is time for this owner; without one, in
   * the next tick.
   */
  rest(owner?: string): Promise<void> {
    return new Promise((resolve) => {
      if (owner === undefined) this.#ownResting.push(resolve);
      else this.#resting.push(owner, resolve);
      this.#requestTurn();
    });
  }

  /**
   * Runs as many steps as there is time for in this tick, and the rest in later ones; `undefined`
   * if all are done. Throws or rejects as the steps do. `owner`: as for `rest`.
   */
  run(steps: Steps<unknown>, owner?: string): Promise<void> | undefined {
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if (step.value || this.isOver) return this.#runLater(steps, step.value, owner);
    }
    return undefined;
  }

  async #runLater(
    steps: Steps<unknown>,
    first: Promise<unknown> | undefined,
    owner: string | undefined,
  ): Promise<void> {
    await (first ?? this.rest(owner));
    for (let step = steps.next(); !step.done; step = steps.next()) {
      if (step.value) await step.value;
      else if (this.isOver) await this.rest(owner);
    }
  }

  #begin(): Slice {
    const slice = new Slice(this.#clock, this.#time);
    this.#slice = slice;
    setImmediate(() => {
      if (this.#slice === slice) this.#slice = undefined;
    });
    return slice;
  }

  #requestTurn(): void {
    if (this.#isTurnRequested) return;
    this.#isTurnRequested = true;
    setImmediate(() => {
      this.#begin();
      for (const resume of this.#ownResting.splice(0)) resume();
      this.#resume(this.#resting.size);
    });
  }

  /** Resumes one, whatever else took its time, and others while there is time; `most` in this tick. */
  #resume(most: number): void {
    this.#resting.shift()?.();
    // A tick that is requested by a microtask comes after all others, so what was resumed has run.
    queueMicrotask(() =>
      process.nextTick(() => {
        if (most > 1 && !this.isOver) {
          this.#resume(most - 1);
          return;
        }
        this.#isTurnRequested = false;
        if (this.#resting.size + this.#ownResting.length > 0) this.#requestTurn();
      }),
    );
  }
}

/** Does all steps at once: only for those that wait for nothing. */
export function inOnePiece<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Whether work is done in steps; what is short is done at once, and this is its result. */
export function isSteps<T>(work: T | Steps<T>): work is Steps<T> {
  return typeof work === 'object' && work !== null && 'next' in work;
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
