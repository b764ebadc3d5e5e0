/** Pauses of all writes, one after the other. */
export class WritePause {
  readonly #drain: () => Promise<void>;
  /** While set, new requests wait here, in order. */
  #deferred: (() => void)[] | undefined;
  #last: Promise<void> | undefined;

  /** `drain`: resolves when no write is in progress. */
  constructor(drain: () => Promise<void>) {
    this.#drain = drain;
  }

  /** At once, unless writes are paused. Always in the order of the calls. */
  admit(enter: () => void): void {
    if (this.#deferred) this.#deferred.push(enter);
    else enter();
  }

  /** Runs `work` while no request is admitted and no write in progress. */
  async during(work: () => Promise<void>): Promise<void> {
    const paused = this.#last ? this.#last.then(() => this.#run(work)) : this.#run(work);
    // A failure does not block the next pause.
    this.#last = paused.catch(() => {});
    await paused;
  }

  async #run(work: () => Promise<void>): Promise<void> {
    this.#deferred = [];
    try {
      await this.#drain();
      await work();
    } finally {
      const deferred = this.#deferred;
      this.#deferred = undefined;
      for (const enter of deferred) enter();
    }
  }
}
