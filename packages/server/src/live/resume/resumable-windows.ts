import type { Pos } from '../../store/stored-object.js';
import type { KnownRows } from '../query/query-window.js';

/**
 * The rows known to the live queries of dropped connections, to resume them when the history does
 * not reach back. Subscriptions that know the same rows share them, and the total is bounded.
 */
export class ResumableWindows {
  readonly #maxRows: number;
  readonly #holders = new Map<KnownRows, Holder>();
  /** Rows by uid. */
  readonly #byUid = new Map<string | undefined, number>();
  /** Known rows by window and position: see `find`. */
  readonly #byPosition = new Map<string, KnownRows>();
  #rows = 0;

  /** `maxRows`: rows of all windows together. */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Counts another holder of these rows. False, without holding them, if the limit is reached, or if
   * the uid would hold more than twice what is free then: one that is alone gets two thirds.
   * `position`: set if every client at that position knows exactly these rows.
   */
  retain(known: KnownRows, position?: WindowPosition, uid?: string): boolean {
    const holder = this.#holders.get(known) ?? { uid, count: 0, positions: new Set() };
    if (holder.count === 0) {
      const free = this.#maxRows - this.#rows - known.size;
      if (free < 0 || (uid !== undefined && this.#rowsOf(uid) + known.size > 2 * free))
        return false;
      this.#add(known, uid, 1);
      this.#holders.set(known, holder);
    }
    holder.count += 1;
    if (position) {
      holder.positions.add(keyOf(position));
      this.#byPosition.set(keyOf(position), known);
    }
    return true;
  }

  /**
   * The rows known to a client that reconnects with a position but without a session; `undefined`
   * if they are gone.
   */
  find(position: WindowPosition): KnownRows | undefined {
    return this.#byPosition.get(keyOf(position));
  }

  /** Call once for each successful `retain`. */
  release(known: KnownRows): void {
    const holder = this.#holders.get(known);
    if (!holder) return;
    holder.count -= 1;
    if (holder.count > 0) return;
    this.#holders.delete(known);
    this.#add(known, holder.uid, -1);
    for (const position of holder.positions) {
      if (this.#byPosition.get(position) === known) this.#byPosition.delete(position);
    }
  }

  #rowsOf(uid: string | undefined): number {
    return this.#byUid.get(uid) ?? 0;
  }

  #add({ size }: KnownRows, uid: string | undefined, by: 1 | -1): void {
    this.#rows += by * size;
    const rows = this.#rowsOf(uid) + by * size;
    if (rows > 0) this.#byUid.set(uid, rows);
    else this.#byUid.delete(uid);
  }
}

interface Holder {
  /** Who held them first. */
  readonly uid: string | undefined;
  count: number;
  readonly positions: Set<string>;
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
