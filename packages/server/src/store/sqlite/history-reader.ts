import type { Database, Statement } from 'better-sqlite3';
import { isMissingTable } from './errors.js';
import { locate } from './location.js';
import { type ChangeRow, changeColumns, type ObjectRow, objectColumns } from './rows.js';
import { collectionTable } from './schema.js';

/**
 * Each change knows the position of the one before it of the same object, and the object that of its
 * last: the history is walked backwards. A walk ends at the creation, or where the change before was
 * pruned.
 */
const walk = `
  WITH RECURSIVE chain(pos, previous, rev) AS (
    SELECT pos, previous, rev FROM changes WHERE pos = :last
    UNION ALL
    SELECT changes.pos, changes.previous, changes.rev
      FROM chain CROSS JOIN changes ON changes.pos = chain.previous
      WHERE chain.rev > :after + 1
  )
  SELECT ${changeColumns('changes')}
    FROM chain CROSS JOIN changes ON changes.pos = chain.pos
    WHERE chain.rev BETWEEN :after + 1 AND :until
    ORDER BY chain.rev`;

export interface Span {
  readonly after: number;
  readonly limit: number;
}

/** The object, with the position of its last change in front. */
type HeadRow = readonly [last: number, ...object: ObjectRow];

/** Reads objects by key and their histories, over one connection. */
export class HistoryReader {
  readonly #db: Database;
  readonly #objects = new Map<string, Statement>();
  readonly #walk: Statement;

  constructor(db: Database) {
    this.#db = db;
    this.#walk = db.prepare(walk).raw();
  }

  /** The object with its last position; `undefined` where there never was one. */
  head(r: string): { row: ObjectRow; last: number } | undefined {
    const { collection, parents, id } = locate(r);
    const statement = this.#objects.get(collection) ?? this.#prepare(collection);
    const found = statement?.get(id, parents) as HeadRow | undefined;
    if (!found) return undefined;
    const [last, ...row] = found;
    return { row, last };
  }

  /** The changes from `after + 1` on that are stored, ascending, at most `limit`. */
  entries(last: number, { after, limit }: Span): ChangeRow[] {
    return this.#walk.all({ last, after, until: after + limit }) as ChangeRow[];
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
      // Nothing was ever written there.
      if (isMissingTable(error)) return undefined;
      throw error;
    }
  }
}
