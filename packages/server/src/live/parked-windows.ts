import type { Pos } from '../store/store.js';
import type { Known } from './query-subscription.js';

/**
 * What the live queries of connections that dropped were told, so that they can go on where no history says what
 * happened since. Who knew the same shares it, and all of them together know of a bounded number of objects.
 */
export class ParkedWindows {
  readonly #most: number;
  readonly #holders = new Map<Known, { count: number; readonly places: Set<string> }>();
  /** What is known at a place: see `find`. */
  readonly #atPlace = new Map<string, Known>();
  #rows = 0;

  /** `most`: objects in all of them together. */
  constructor(most: number) {
    this.#most = most;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Takes note that somebody else knows this. False, and not held, where that would be too much. `place`: where it is known by
   * all who have heard as much; left out where that is not so.
   */
  hold(known: Known, place?: WindowPlace): boolean {
    const holder = this.#holders.get(known) ?? { count: 0, places: new Set() };
    if (holder.count === 0) {
      if (this.#rows + known.size > this.#most) return false;
      this.#rows += known.size;
      this.#holders.set(known, holder);
    }
    holder.count += 1;
    if (place) {
      holder.places.add(keyOf(place));
      this.#atPlace.set(keyOf(place), known);
    }
    return true;
  }

  /** What is known to a client that comes without a handle, by a position alone; `undefined` where nobody remembers. */
  find(place: WindowPlace): Known | undefined {
    return this.#atPlace.get(keyOf(place));
  }

  /** Once for each `hold` that was granted. */
  release(known: Known): void {
    const holder = this.#holders.get(known);
    if (!holder) return;
    holder.count -= 1;
    if (holder.count > 0) return;
    this.#holders.delete(known);
    this.#rows -= known.size;
    for (const place of holder.places) {
      if (this.#atPlace.get(place) === known) this.#atPlace.delete(place);
    }
  }
}

/** A window, and the last position of it that somebody heard. */
export interface WindowPlace {
  /** Of the group. */
  readonly key: string;
  readonly pos: Pos;
}

function keyOf({ key, pos }: WindowPlace): string {
  return `${pos} ${key}`;
}
