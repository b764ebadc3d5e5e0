import type { Pos } from '../../store/stored-object.js';
import { HeldRows } from '../query/held-rows.js';
import type { KnownRows } from '../query/query-window.js';

/**
 * The rows known to the live queries of dropped connections, to resume them when the history does
 * not reach back. Subscriptions that know the same rows share them, and the total is bounded.
 */
export class ResumableWindows {
  readonly #held: HeldRows;
  /** The positions of rows, as keys. */
  readonly #positions = new Map<KnownRows, Set<string>>();
  /** Known rows by window and position: see `find`. */
  readonly #byPosition = new Map<string, KnownRows>();

  /** `maxRows`: rows of all windows together. */
  constructor(maxRows: number) {
    this.#held = new HeldRows(maxRows);
  }

  get rows(): number {
    return this.#held.rows;
  }

  /**
   * Counts another holder of these rows; false if there is no room (see `HeldRows`). `position`: set
   * if every client at that position knows exactly these rows.
   */
  retain(known: KnownRows, position?: WindowPosition, owner?: string): boolean {
    if (!this.#held.retain(known, owner)) return false;
    if (!position) return true;
    const key = keyOf(position);
    this.#byPosition.set(key, known);
    const positions = this.#positions.get(known) ?? new Set();
    this.#positions.set(known, positions.add(key));
    return true;
  }

  /** The rows known to a client that reconnects with a position but without a session. */
  find(position: WindowPosition): KnownRows | undefined {
    return this.#byPosition.get(keyOf(position));
  }

  /** Call once for each successful `retain`. */
  release(known: KnownRows): void {
    if (!this.#held.release(known)) return;
    for (const position of this.#positions.get(known) ?? []) {
      if (this.#byPosition.get(position) === known) this.#byPosition.delete(position);
    }
    this.#positions.delete(known);
  }
}

/** A window, and the last position of it that a client received. */
export interface WindowPosition {
  /** The key of the query group. */
  readonly key: string;
  readonly pos: Pos;
}

function keyOf({ key, pos }: WindowPosition): string {
  return `${pos} ${key}`;
}
