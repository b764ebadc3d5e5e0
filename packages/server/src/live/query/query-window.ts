import type { Order } from '../../store/store-reads.js';
import { isSameList } from '../push/visibility.js';
import { compareShortPositions, type ShortPosition } from './short-position.js';

/** An object in a query's result, as its reader last saw it. */
export interface Row {
  readonly r: string;
  readonly rev: number;
  readonly place: ShortPosition;
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
const noMove: WindowChange = { wasIn: true, isIn: true };

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

  /** Whether the place of a row is known. If not, the window has to be read from the store. */
  canPut(row: Row): boolean {
    if (!row.place.shortened || this.#indexOfUnmoved(row) !== undefined) return true;
    const others = this.#rows.filter(({ r }) => r !== row.r);
    return this.#search(row.place, others) !== undefined;
  }

  /** For a row that can be put: it is dropped after the last known row of an incomplete result. */
  put(row: Row): WindowChange {
    const unmoved = this.#indexOfUnmoved(row);
    if (unmoved !== undefined) {
      this.#rows[unmoved] = row;
      this.#byR.set(row.r, row);
      return unmoved < this.limit ? noMove : noChange;
    }
    const before = this.#takeOut(row.r);
    const after = this.#search(row.place) ?? this.#rows.length;
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

  /** The usual change does not move its row; `undefined` if it may have to be moved or dropped. */
  #indexOfUnmoved(row: Row): number | undefined {
    const known = this.#byR.get(row.r);
    if (!known || compareShortPositions(this.#order, known.place, row.place) !== 0) {
      return undefined;
    }
    const index = this.#indexOf(known);
    return index === this.#rows.length - 1 && !this.#complete ? undefined : index;
  }

  #takeOut(r: string): number {
    const row = this.#byR.get(r);
    if (!row) return -1;
    const index = this.#indexOf(row);
    this.#rows.splice(index, 1);
    this.#byR.delete(r);
    return index;
  }

  #indexOf(row: Row): number {
    return row.place.shortened ? this.#rows.indexOf(row) : (this.#search(row.place) ?? -1);
  }

  /**
   * The index of the first row that does not sort before this place; `undefined` if rows there cannot
   * be compared with it. Those are next to each other, so the search meets one of them.
   */
  #search(place: ShortPosition, rows: readonly Row[] = this.#rows): number | undefined {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = rows[middle];
      const compared = row && compareShortPositions(this.#order, row.place, place);
      if (compared === undefined) return undefined;
      if (compared < 0) low = middle + 1;
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
export type KnownRows = ReadonlyMap<string, KnownRow>;

export interface KnownRow extends Pick<Row, 'rev' | 'hidden'> {
  /** The client may have an earlier state than this revision. */
  readonly isOutdated?: true | undefined;
}

/** Without the places, which may be long. */
export function knownRowsOf(rows: readonly Row[]): KnownRows {
  return new Map(rows.map(({ r, rev, hidden }) => [r, { rev, hidden }]));
}

/** What was shown before a change of one row, and is `shown` after it. `row`: the row before, if any. */
export function rowsBefore(
  shown: readonly Row[],
  { entered, left, wasIn }: WindowChange,
  { r, row }: { readonly r: string; readonly row: Row | undefined },
): KnownRows {
  const rows = new Map<string, KnownRow>();
  for (const one of shown) if (one.r !== r && one !== entered) rows.set(one.r, one);
  if (left) rows.set(left.r, left);
  if (wasIn && row) rows.set(r, row);
  return rows;
}

/** So that those who know the same rows share them afterwards, too. */
const outdated = new WeakMap<KnownRows, KnownRows>();

/** Marks all rows as outdated. */
export function asOutdated(known: KnownRows): KnownRows {
  const same = outdated.get(known);
  if (same) return same;
  const rows = new Map([...known].map(([r, row]) => [r, { ...row, isOutdated: true as const }]));
  outdated.set(known, rows);
  return rows;
}

/** Whether both know the same of the same objects. */
export function knowsSame(a: KnownRows, b: KnownRows): boolean {
  if (a.size !== b.size) return false;
  for (const [r, { rev, hidden, isOutdated }] of a) {
    const other = b.get(r);
    if (other?.rev !== rev || other.isOutdated !== isOutdated) return false;
    if (!isSameList(other.hidden, hidden)) return false;
  }
  return true;
}
