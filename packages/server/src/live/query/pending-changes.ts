/**
 * Counts the queued and in-flight changes of each object. Until they are applied, nobody knows
 * whether the next change of the object concerns the window, so the group has to receive all of
 * them.
 */
export class PendingChanges {
  readonly #counts = new Map<string, number>();
  readonly #first: (r: string) => void;
  readonly #last: (r: string) => void;

  /** `first` is called when an object gets a pending change, `last` when it has none left. */
  constructor(first: (r: string) => void, last: (r: string) => void) {
    this.#first = first;
    this.#last = last;
  }

  has(r: string): boolean {
    return this.#counts.has(r);
  }

  /** The objects with pending changes. */
  get rs(): Iterable<string> {
    return this.#counts.keys();
  }

  begin(r: string): void {
    const before = this.#counts.get(r) ?? 0;
    this.#counts.set(r, before + 1);
    if (before === 0) this.#first(r);
  }

  /** Call once for each `begin`. */
  end(r: string): void {
    const remaining = (this.#counts.get(r) ?? 1) - 1;
    if (remaining > 0) {
      this.#counts.set(r, remaining);
      return;
    }
    this.#counts.delete(r);
    this.#last(r);
  }
}
