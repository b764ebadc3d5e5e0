/**
 * Decides how often the engine asks whether to go on. It counts steps, and a step may be a built-in
 * that takes milliseconds: so it asks often at first, and seldom once its steps prove to be short.
 */
export class Polling {
  readonly #words: Int32Array;
  readonly #word: number;
  #steps = firstSteps;
  #asked = 0;
  #started = 0;
  #deadline = 0;

  /** `word` is the index of the word in which the engine counts its steps down. */
  constructor(words: Int32Array, word: number) {
    this.#words = words;
    this.#word = word;
  }

  /** A call begins, and may run for `limit` milliseconds. */
  start(limit: number): void {
    this.#started = performance.now();
    this.#asked = this.#started;
    this.#deadline = this.#started + limit;
    this.#next(firstSteps);
  }

  /** The engine asked, and may go on. Answers how long the call has run, in milliseconds. */
  goOn(): number {
    const now = performance.now();
    const gap = now - this.#asked;
    this.#asked = now;
    if (gap < shortGap) this.#next(Math.min(this.#steps * 2, mostSteps));
    else if (gap > longGap) this.#next(Math.max(1, Math.floor((this.#steps * shortGap) / gap)));
    else this.#next(this.#steps);
    return now - this.#started;
  }

  /** The engine is to ask at its very next step. */
  soon(): void {
    this.#next(1);
  }

  get overdue(): boolean {
    return performance.now() > this.#deadline;
  }

  /** Milliseconds since the call began. */
  get elapsed(): number {
    return performance.now() - this.#started;
  }

  #next(steps: number): void {
    this.#steps = steps;
    this.#words[this.#word] = steps;
  }
}

const firstSteps = 4;
const mostSteps = 10_000;
/** Milliseconds between two questions, below and above which the number of steps changes. */
const shortGap = 0.1;
const longGap = 0.5;
