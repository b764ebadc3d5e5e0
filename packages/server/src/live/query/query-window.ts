import { compareSortPositions } from '../../store/order.js';
import type { Order, SortPosition } from '../../store/store.js';

/** An object of a query's result, as its reader saw it last. */
export interface Row {
  readonly r: string;
  readonly rev: number;
  readonly place: SortPosition;
  /** The fields that were hidden from the reader. */
  readonly hidden: readonly string[];
  /** The last revision that changed anything the reader sees. */
  readonly changedAt: number;
}

/** What one change did to the window. */
export interface WindowChange {
  /** Whether the object was in the window before, and whether it is now. */
  readonly wasIn: boolean;
  readonly isIn: boolean;
  /** The row that came in because another one made room. */
  readonly entered?: Row | undefined;
  /** The row that another one pushed out. */
  readonly left?: Row | undefined;
}

const noChange: WindowChange = { wasIn: false, isIn: false };

/**
 * The beginning of a query's result: the rows of its window, the first `limit`, and behind them some in
 * reserve, so that a row that goes has a successor without a look at the store.
 */
export class QueryWindow {
  readonly limit: number;
  /** Rows that are kept at most. */
  readonly capacity: number;
  readonly #order: Order;
  #rows: Row[] = [];
  readonly #byR = new Map<string, Row>();
  /** True where there is nothing behind the last row. */
  #complete = true;

  constructor({ limit, order }: { limit: number; order: Order }) {
    this.limit = limit;
    this.capacity = limit + Math.max(16, Math.ceil(limit / 4));
    this.#order = order;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** True where something that belongs into the window may be missing: only the store knows. */
  get isShort(): boolean {
    return !this.#complete && this.#rows.length < this.limit;
  }

  get(r: string): Row | undefined {
    return this.#byR.get(r);
  }

  /** Every row, those in reserve included. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  get shown(): readonly Row[] {
    return this.#rows.slice(0, this.limit);
  }

  /** Takes what the store found: up to `capacity` rows, in order. */
  fill(rows: readonly Row[]): void {
    this.#rows = rows.slice(0, this.capacity);
    this.#complete = rows.length < this.capacity;
    this.#byR.clear();
    for (const row of this.#rows) this.#byR.set(row.r, row);
  }

  /** The same window, to try something out. */
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

  /** Puts a row where it belongs now, or nowhere, if that is behind all that is known. */
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

  /** The index of the first row that does not come before this place. */
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

/** What a subscriber knows of the objects in its window, by R. */
export type KnownRows = ReadonlyMap<string, Pick<Row, 'rev' | 'hidden'>>;
