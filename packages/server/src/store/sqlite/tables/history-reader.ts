import type { Database, Statement } from 'better-sqlite3';
import { historyPageSize } from '../../store-reads.js';
import type { Pos } from '../../stored-object.js';
import { isMissingTable } from '../errors.js';
import { locate } from './location.js';
import { type ObjectRow, objectColumns, type PublishedRow, publishedColumns } from './rows.js';
import { collectionTable } from './schema.js';

export interface RevisionRange {
  readonly after: number;
  readonly limit: number;
  /** Characters at which it ends, with at least one change; `historyPageSize` by default. */
  readonly size?: number | undefined;
}

/** An object and the position of its last change. */
export interface StoredHead {
  readonly row: ObjectRow;
  readonly last: Pos;
}

/** Statements that read these columns of one object, by collection. */
interface Prepared {
  readonly columns: string;
  readonly mode: 'raw' | 'pluck';
  readonly known: Map<string, Statement>;
}

type HeadRow = readonly [last: Pos, ...object: ObjectRow];

/**
 * Reads objects by key and their histories, over one connection.
 *
 * Each change has the position of the object's previous one, and the object that of its last: a
 * history is read backwards. It ends at the creation, or where the previous change was pruned.
 */
export class HistoryReader {
  readonly #db: Database;
  readonly #heads: Prepared = { columns: `last, ${objectColumns}`, mode: 'raw', known: new Map() };
  /** Do not read the data, which may be large. */
  readonly #deleted: Prepared = { columns: 'deleted', mode: 'pluck', known: new Map() };
  readonly #previous: Statement;
  readonly #change: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#previous = db.prepare('SELECT previous FROM changes WHERE pos = ?').pluck();
    this.#change = db.prepare(`SELECT ${publishedColumns} FROM changes WHERE pos = ?`).raw();
  }

  /** `undefined` where the object never existed. */
  head(r: string): StoredHead | undefined {
    const { collection, parents, id } = locate(r);
    const found = this.#statement(this.#heads, collection)?.get(id, parents) as HeadRow | undefined;
    if (!found) return undefined;
    const [last, ...row] = found;
    return { row, last };
  }

  isLiving(r: string): boolean {
    const { collection, parents, id } = locate(r);
    return this.#statement(this.#deleted, collection)?.get(id, parents) === 0;
  }

  /** The changes of a range, ascending, in the transaction of `head`. `tick`: for each visited. */
  entries(
    { row: [current], last }: StoredHead,
    { after, limit, size = historyPageSize }: RevisionRange,
    tick: () => void = () => {},
  ): PublishedRow[] {
    const positions: Pos[] = [];
    let pos: Pos | undefined = last;
    for (let rev = current; rev > after && pos; rev--) {
      tick();
      if (rev <= after + limit) positions.push(pos);
      pos = this.#previous.get(pos) as Pos | undefined;
    }
    const found: PublishedRow[] = [];
    let left = size;
    for (let at = positions.pop(); at !== undefined && left > 0; at = positions.pop()) {
      const row = this.at(at);
      if (!row) continue;
      found.push(row);
      left -= sizeOf(row);
    }
    return found;
  }

  /** The change at a position, if it is still there. */
  at(pos: Pos): PublishedRow | undefined {
    return this.#change.get(pos) as PublishedRow | undefined;
  }

  #statement({ columns, mode, known }: Prepared, collection: string): Statement | undefined {
    const found = known.get(collection);
    if (found) return found;
    const text = `SELECT ${columns} FROM ${collectionTable(collection)} WHERE id = ? AND parents = ?`;
    try {
      const statement = this.#db.prepare(text)[mode]();
      known.set(collection, statement);
      return statement;
    } catch (error) {
      // The collection was never written.
      if (isMissingTable(error)) return undefined;
      throw error;
    }
  }
}

function sizeOf([, , , , , , touched, delta, created]: PublishedRow): number {
  return 200 + (touched?.length ?? 0) + (delta?.length ?? 0) + (created?.length ?? 0);
}
