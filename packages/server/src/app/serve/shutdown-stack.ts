/** Opened resources, closed in reverse order, even if opening stopped half-way. */
export class ShutdownStack {
  readonly #steps: (() => Promise<void>)[] = [];
  #closed: Promise<void> | undefined;

  /** Registers how to close what was just opened. */
  add(close: () => Promise<void>): void {
    this.#steps.push(close);
  }

  /** Closes everything, once however often it is called. A failure does not prevent the rest from closing; the first failure is thrown. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
