/** Counts work in flight, so that a stopping server can wait for it. */
export class InFlight {
  #count = 0;
  #waiting: (() => void)[] = [];

  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /**
   * Counts as in flight until the promise resolves; it must not reject. `undefined`: already done.
   */
  during(promise: Promise<void> | undefined): void {
    if (!promise) return;
    this.begin();
    void promise.then(() => this.end());
  }

  /** Resolves when nothing is in flight. */
  async settled(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
