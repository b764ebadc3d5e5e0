import type { Known } from './query-subscription.js';

/**
 * What the live queries of connections that dropped were told, so that they can go on where no history says what
 * happened since. Who knew the same shares it, and all of them together know of a bounded number of objects.
 */
export class ParkedWindows {
  readonly #most: number;
  readonly #holders = new Map<Known, number>();
  #rows = 0;

  /** `most`: objects in all of them together. */
  constructor(most: number) {
    this.#most = most;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Takes note that somebody else knows this. False, and not held, where that would be too much. */
  hold(known: Known): boolean {
    const holders = this.#holders.get(known) ?? 0;
    if (holders === 0) {
      if (this.#rows + known.size > this.#most) return false;
      this.#rows += known.size;
    }
    this.#holders.set(known, holders + 1);
    return true;
  }

  /** Once for each `hold` that was granted. */
  release(known: Known): void {
    const holders = this.#holders.get(known) ?? 0;
    if (holders > 1) {
      this.#holders.set(known, holders - 1);
    } else if (this.#holders.delete(known)) {
      this.#rows -= known.size;
    }
  }
}
