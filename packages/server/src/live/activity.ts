/** Counts what is under way, so that a server that stops can wait for it. */
export class Activity {
  #underWay = 0;
  #waiting: (() => void)[] = [];

  begin(): void {
    this.#underWay += 1;
  }

  end(): void {
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
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
    while (this.#underWay > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
