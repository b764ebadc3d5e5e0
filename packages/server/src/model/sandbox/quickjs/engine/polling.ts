/**
 * Decides how often the engine asks whether to go on, and when it may not. The engine counts steps,
 * and a step may be a built-in that takes milliseconds: so it asks often at first, and seldom once its
 * steps prove to be short.
 *
 * Time counts from question to question, and at most some milliseconds of each: on a machine with
 * more to do than it can, a thread may not get to run for longer than a script may take, and that is
 * no fault of the script. What is lost so on a built-in that takes long, the main thread makes up for.
 */
export class Polling {
  readonly #words: Int32Array;
  readonly #word: number;
  #steps = firstSteps;
  #asked = 0;
  #left = 0;
  #limit = 0;

  /** `word` is the index of the word in which the engine counts its steps down. */
  constructor(words: Int32Array, word: number) {
    this.#words = words;
    this.#word = word;
  }

  /** A call begins, and may run for `limit` milliseconds. */
  start(limit: number): void {
    this.#asked = performance.now();
    this.#limit = limit;
    this.#left = limit;
    this.#next(firstSteps);
  }

  /** An interrupt check. Returns false if the time is over. */
  mayGoOn(): boolean {
    const now = performance.now();
    const gap = now - this.#asked;
    this.#asked = now;
    this.#left -= Math.min(gap, mostCounted);
    if (gap < shortGap) this.#next(Math.min(this.#steps * 2, mostSteps));
    else if (gap > longGap) this.#next(Math.max(1, Math.floor((this.#steps * shortGap) / gap)));
    else this.#next(this.#steps);
    return this.#left > 0;
  }

  /** Makes the engine check at its next step. */
  soon(): void {
    this.#next(1);
  }

  /** Milliseconds that count so far. */
  get spent(): number {
    return this.#limit - this.#left;
  }

  #next(steps: number): void {
    this.#steps = steps;
    this.#words[this.#word] = steps;
  }
}

const firstSteps = 4;
const mostSteps = 10_000;
/** Milliseconds between two checks, below and above which the number of steps changes. */
const shortGap = 0.1;
const longGap = 0.5;
/** Milliseconds between two checks that count. */
const mostCounted = 5;
