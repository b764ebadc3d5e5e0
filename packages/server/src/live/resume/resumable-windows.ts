import type { Pos } from '../../store/store.js';
import type { KnownRows } from '../query/query-window.js';

/**
 * What the live queries of connections that dropped were told, so that they can go on where no history says what
 * happened since. Who knew the same shares it, and all of them together know of a bounded number of objects.
 */
export class ResumableWindows {
  readonly #maxRows: number;
  readonly #holders = new Map<KnownRows, { count: number; readonly positions: Set<string> }>();
  /** What is known at a place: see `find`. */
  readonly #byPosition = new Map<string, KnownRows>();
  #rows = 0;

  /** `most`: objects in all of them together. */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Takes note that somebody else knows this. False, and not held, where that would be too much. `place`: where it is known by
   * all who have heard as much; left out where that is not so.
   */
  retain(known: KnownRows, position?: WindowPosition): boolean {
    const holder = this.#holders.get(known) ?? { count: 0, positions: new Set() };
    if (holder.count === 0) {
      if (this.#rows + known.size > this.#maxRows) return false;
      this.#rows += known.size;
      this.#holders.set(known, holder);
    }
    holder.count += 1;
    if (position) {
      holder.positions.add(keyOf(position));
      this.#byPosition.set(keyOf(position), known);
    }
    return true;
  }

  /** What is known to a client that comes without a handle, by a position alone; `undefined` where nobody remembers. */
  find(position: WindowPosition): KnownRows | undefined {
    return this.#byPosition.get(keyOf(position));
  }

  /** Once for each `hold` that was granted. */
  release(known: KnownRows): void {
    const holder = this.#holders.get(known);
    if (!holder) return;
    holder.count -= 1;
    if (holder.count > 0) return;
    this.#holders.delete(known);
    this.#rows -= known.size;
    for (const position of holder.positions) {
      if (this.#byPosition.get(position) === known) this.#byPosition.delete(position);
    }
  }
}

/** A window, and the last position of it that somebody heard. */
export interface WindowPosition {
  /** Of the group. */
  readonly key: string;
  readonly pos: Pos;
}

function keyOf({ key, pos }: WindowPosition): string {
  return `${pos} ${key}`;
}
