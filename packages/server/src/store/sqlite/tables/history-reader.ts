import type { Database, Statement } from 'better-sqlite3';
import type { Pos } from '../../stored-object.js';
import { isMissingTable } from '../errors.js';
import { locate } from './location.js';
import { type ObjectRow, objectColumns, type PublishedRow, publishedColumns } from './rows.js';
import { collectionTable } from './schema.js';

export interface RevisionRange {
  readonly after: number;
  readonly limit: number;
}

/** An object and the position of its last change. */
export interface StoredHead {
  readonly row: ObjectRow;
  readonly last: Pos;
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
  readonly #objects = new Map<string, Statement>();
  readonly #previous: Statement;
  readonly #change: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#previous = db.prepare('SELECT previous FROM changes WHERE pos = ?').pluck();
    this.#change = db
      .prepare(`SELECT previous, ${publishedColumns('changes')} FROM changes WHERE pos = ?`)
      .raw();
  }

  /** `undefined` where the object never existed. */
  head(r: string): StoredHead | undefined {
    const { collection, parents, id } = locate(r);
    const statement = this.#objects.get(collection) ?? this.#prepare(collection);
    const found = statement?.get(id, parents) as HeadRow | undefined;
    if (!found) return undefined;
    const [last, ...row] = found;
    return { row, last };
  }

  /**
   * The stored changes from `after + 1` on, ascending, at most `limit`. Call it in the same
   * transaction as `head`. `tick` is called for each change visited.
   */
  entries(
    { row: [current], last }: StoredHead,
    { after, limit }: RevisionRange,
    tick: () => void = () => {},
  ): PublishedRow[] {
    const found: PublishedRow[] = [];
    let pos: Pos | undefined = last;
    for (let rev = current; rev > after && pos; rev--) {
      tick();
      if (rev > after + limit) {
        pos = this.#previous.get(pos) as Pos | undefined;
        continue;
      }
      const row = this.#change.get(pos) as readonly [previous: Pos, ...PublishedRow] | undefined;
      if (!row) break;
      const [previous, ...change] = row;
      found.push(change);
      pos = previous;
    }
    return found.reverse();
  }

  /** The change at a position, if it is still there. */
  at(pos: Pos): PublishedRow | undefined {
    const found = this.#change.get(pos) as readonly [previous: Pos, ...PublishedRow] | undefined;
    if (!found) return undefined;
    const [, ...row] = found;
    return row;
  }

  #prepare(collection: string): Statement | undefined {
    try {
      const statement = this.#db
        .prepare(
          `SELECT last, ${objectColumns} FROM ${collectionTable(collection)} WHERE id = ? AND parents = ?`,
        )
        .raw();
      this.#objects.set(collection, statement);
      return statement;
    } catch (error) {
      // The collection was never written.
      if (isMissingTable(error)) return undefined;
      throw error;
    }
  }
}
