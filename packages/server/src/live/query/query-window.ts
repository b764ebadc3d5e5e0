import { compareSortPositions } from '../../store/order.js';
import type { Order, SortPosition } from '../../store/store.js';

/** An object in a query's result, as its reader last saw it. */
export interface Row {
  readonly r: string;
  readonly rev: number;
  readonly place: SortPosition;
  /** The fields hidden from the reader. */
  readonly hidden: readonly string[];
  /** The last revision that changed a visible field. */
  readonly changedAt: number;
}

/** The effect of one change on the window. */
export interface WindowChange {
  /** Whether the object was in the window before, and is in it now. */
  readonly wasIn: boolean;
  readonly isIn: boolean;
  /** The row that moved in from the reserve. */
  readonly entered?: Row | undefined;
  /** The row that was pushed out. */
  readonly left?: Row | undefined;
}

const noChange: WindowChange = { wasIn: false, isIn: false };

/**
 * The beginning of a query's result: the first `limit` rows are the window. More rows are kept in
 * reserve, to replace removed ones without reading the store.
 */
export class QueryWindow {
  readonly limit: number;
  /** Maximum number of rows, including the reserve. */
  readonly capacity: number;
  readonly #order: Order;
  #rows: Row[] = [];
  readonly #byR = new Map<string, Row>();
  /** True if there is nothing after the last row. */
  #complete = true;

  constructor({ limit, order }: { limit: number; order: Order }) {
    this.limit = limit;
    this.capacity = limit + Math.max(16, Math.ceil(limit / 4));
    this.#order = order;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** True if the window may lack rows that only the store has. */
  get isShort(): boolean {
    return !this.#complete && this.#rows.length < this.limit;
  }

  get(r: string): Row | undefined {
    return this.#byR.get(r);
  }

  /** All rows, including the reserve. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  get shown(): readonly Row[] {
    return this.#rows.slice(0, this.limit);
  }

  /** Replaces the rows with what the store found: up to `capacity`, in order. */
  fill(rows: readonly Row[]): void {
    this.#rows = rows.slice(0, this.capacity);
    this.#complete = rows.length < this.capacity;
    this.#byR.clear();
    for (const row of this.#rows) this.#byR.set(row.r, row);
  }

  /** A copy, for simulation. */
  copy(): QueryWindow {
    const copy = new QueryWindow({ limit: this.limit, order: this.#order });
    copy.fill(this.#rows);
    copy.#complete = this.#complete;
    return copy;
  }

  remove(r: string): WindowChange {
    const before = this.#takeOut(r);
    if (before < 0 || before >= this.limit) return noChange;
    return { wasIn: true, isIn: false, entered: this.#rows[this.limit - 1] };
  }

  /** Inserts or moves a row. Drops it if it sorts after all known rows of an incomplete result. */
  put(row: Row): WindowChange {
    const before = this.#takeOut(row.r);
    const after = this.#indexOf(row.place);
    const isKnown = after < this.#rows.length || this.#complete;
    if (isKnown) {
      this.#rows.splice(after, 0, row);
      this.#byR.set(row.r, row);
    }
    const wasIn = before >= 0 && before < this.limit;
    const isIn = isKnown && after < this.limit;
    const windowChange: WindowChange = {
      wasIn,
      isIn,
      entered: wasIn && !isIn ? this.#rows[this.limit - 1] : undefined,
      left: isIn && !wasIn ? this.#rows[this.limit] : undefined,
    };
    this.#trim();
    return windowChange;
  }

  #takeOut(r: string): number {
    const row = this.#byR.get(r);
    if (!row) return -1;
    const index = this.#indexOf(row.place);
    this.#rows.splice(index, 1);
    this.#byR.delete(r);
    return index;
  }

  /** The index of the first row that does not sort before this position. */
  #indexOf(place: SortPosition): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#rows[middle];
      if (row && compareSortPositions(this.#order, row.place, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(): void {
    while (this.#rows.length > this.capacity) {
      const last = this.#rows.pop();
      if (last) this.#byR.delete(last.r);
      this.#complete = false;
    }
  }
}

/** The rows that a subscriber knows, by R. */
export type KnownRows = ReadonlyMap<string, Pick<Row, 'rev' | 'hidden'>>;
