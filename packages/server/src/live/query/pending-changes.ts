/**
 * How many changes of each object wait or are being judged. Until they are, nobody knows whether the next change of that
 * object concerns a window, so it has to hear of all of them.
 */
export class PendingChanges {
  readonly #counts = new Map<string, number>();
  readonly #first: (r: string) => void;
  readonly #last: (r: string) => void;

  /** `first` is called when there is something of an object, `last` when there is nothing any more. */
  constructor(first: (r: string) => void, last: (r: string) => void) {
    this.#first = first;
    this.#last = last;
  }

  has(r: string): boolean {
    return this.#counts.has(r);
  }

  begin(r: string): void {
    const before = this.#counts.get(r) ?? 0;
    this.#counts.set(r, before + 1);
    if (before === 0) this.#first(r);
  }

  /** Once for each `begin`. */
  end(r: string): void {
    const left = (this.#counts.get(r) ?? 1) - 1;
    if (left > 0) {
      this.#counts.set(r, left);
      return;
    }
    this.#counts.delete(r);
    this.#last(r);
  }
}
