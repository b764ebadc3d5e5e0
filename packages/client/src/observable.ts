/** Calls listeners in the order in which they came. One that throws does not stop the others. */
export class Observable<Args extends readonly unknown[]> {
  readonly #listeners = new Set<{ readonly run: (...args: Args) => void }>();

  /** Returns what ends it. The same function may listen more than once. */
  subscribe(run: (...args: Args) => void): () => void {
    const listener = { run };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  emit(...args: Args): void {
    for (const listener of [...this.#listeners]) {
      // Ended by a listener before it.
      if (!this.#listeners.has(listener)) continue;
      try {
        listener.run(...args);
      } catch (error) {
        reportUncaught(error);
      }
    }
  }
}

/** As if nobody had been in between: the page's error event, or the process's uncaughtException. */
function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
