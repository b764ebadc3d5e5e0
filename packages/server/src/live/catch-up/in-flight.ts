/** Counts what is under way, so that a server that stops can wait for it. */
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

  /** Is under way until the promise resolves, which must not reject; `undefined` is over already. */
  during(promise: Promise<void> | undefined): void {
    if (!promise) return;
    this.begin();
    void promise.then(() => this.end());
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
