/** Calls a task in the next tick of the event loop: once, however often it is requested. */
export class NextTick {
  readonly #run: () => void;
  readonly #schedule: (task: () => void) => unknown;
  #isRequested = false;

  /** `schedule`: by default `setImmediate`. */
  constructor(task: () => void, schedule: (task: () => void) => unknown = setImmediate) {
    this.#schedule = schedule;
    this.#run = () => {
      this.#isRequested = false;
      task();
    };
  }

  request(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    this.#schedule(this.#run);
  }
}
