import type { Compiled } from './compiled.js';

/** A call, or a compilation, on its way through the threads. */
export class Job {
  readonly compiled: Compiled;
  /** Null is to compile only. */
  readonly scope: string | null;
  /** Who asked: see `Sandbox.call`. */
  readonly origin: string;
  /** Since when it waits among the slow ones, by the monotonic clock. */
  slowSince = 0;
  /** Threads that failed while they had it. */
  failures = 0;
  /** It was ended once, and runs again only to tell the line. */
  again = false;
  readonly #take: (answer: string) => void;
  #settled = false;

  /** `take` is given the answer, once, as `answers.ts` spells it. */
  constructor(
    compiled: Compiled,
    scope: string | null,
    origin: string,
    take: (answer: string) => void,
  ) {
    this.compiled = compiled;
    this.scope = scope;
    this.origin = origin;
    this.#take = take;
  }

  get settled(): boolean {
    return this.#settled;
  }

  settle(answer: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#take(answer);
  }
}
