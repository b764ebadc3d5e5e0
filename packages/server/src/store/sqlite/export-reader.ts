import type { Database } from 'better-sqlite3';
import type {
  AlteredObjects,
  CollectionSize,
  CollectionSlice,
  ExportReader,
  SliceRequest,
  StoreState,
} from '../export-reader.js';
import { StoreUnavailable } from '../store-errors.js';
import type { Change, ObjectWithHistory, Pos } from '../stored-object.js';
import { asStoreError } from './errors.js';
import { openToCopy } from './open-database.js';
import { Statements } from './sql/statements.js';
import { HistoryReader } from './tables/history-reader.js';
import { locate, rPrinter } from './tables/location.js';
import {
  changeOf,
  type ObjectRow,
  objectColumns,
  objectOf,
  type PublishedRow,
} from './tables/rows.js';
import { collectionTable } from './tables/schema.js';
import { Transactions } from './transactions.js';

/** Approximate bytes of JSON after which a slice ends. */
const sliceSize = 1024 * 1024;

type SliceRow = readonly [id: string, parents: string, born: Pos, last: Pos, ...object: ObjectRow];

/**
 * Another process may write into the database; it must be of this program's version. Throws
 * `StoreRefused`. Runs on the calling thread: it is for programs that do nothing else.
 */
export function openSqliteExportReader(file: string): ExportReader {
  return new SqliteExportReader(openToCopy(file, 'current'));
}

class SqliteExportReader implements ExportReader {
  readonly #db: Database;
  readonly #histories: HistoryReader;
  readonly #transactions: Transactions;
  readonly #statements: Statements;
  #closed = false;

  constructor(db: Database) {
    this.#db = db;
    this.#histories = new HistoryReader(db);
    this.#transactions = new Transactions(db);
    this.#statements = new Statements(db, 1000);
  }

  async state(): Promise<StoreState> {
    return this.#read(() => this.#state());
  }

  async collections(): Promise<CollectionSize[]> {
    return this.#read(() => collectionSizes(this.#db));
  }

  async slice(wanted: SliceRequest): Promise<CollectionSlice> {
    return this.#read(() => this.#slice(wanted));
  }

  async altered(after: Pos, limit: number, history: boolean): Promise<AlteredObjects> {
    return this.#read(() => {
      const changes = this.#statements
        .get('SELECT pos, r FROM changes WHERE pos > ? ORDER BY pos LIMIT ?')
        .all(after, limit) as [pos: Pos, r: string][];
      const rs = new Set(changes.map(([, r]) => r));
      const entries = [...rs].flatMap((r) => this.#altered(r, history) ?? []);
      const swept = this.#statements
        .get('SELECT name FROM collections WHERE swept > ? ORDER BY name')
        .all(after) as [name: string][];
      const lost = swept.map(([name]) => name.split('/'));
      const more = changes.length === limit;
      const through = (more ? changes.at(-1)?.[0] : undefined) ?? this.#state().position;
      return { entries, through, more, lost };
    });
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#db.close();
    this.#closed = true;
  }

  #state(): StoreState {
    const [position, newest] = this.#statements.get('SELECT position, newest FROM meta').get() as [
      Pos,
      number,
    ];
    return { position, newest };
  }

  #slice({ names, after, limit, history }: SliceRequest): CollectionSlice {
    const table = collectionTable(names.join('/'));
    // Uses the index on the key, so the order does not depend on positions.
    const statement = this.#statements.get(
      `SELECT id, parents, born, last, ${objectColumns} FROM ${table}
        WHERE (id, parents) > (?, ?) ORDER BY id, parents`,
    );
    const print = rPrinter(names);
    const from = after === undefined ? { id: '', parents: '' } : locate(after);
    const entries: ObjectWithHistory[] = [];
    let bytes = 0;
    const rows = statement.iterate(from.id, from.parents) as IterableIterator<SliceRow>;
    for (const [id, parents, born, last, ...row] of rows) {
      if (entries.length >= limit || bytes >= sliceSize) return { entries, more: true };
      const r = print(parents, id);
      const changes = history ? this.#history({ row, last, born }) : [];
      bytes += sizeOf(row, changes);
      entries.push({
        object: objectOf(r, row),
        history: changes.map((change) => changeOf(r, change)),
      });
    }
    return { entries, more: false };
  }

  #altered(r: string, history: boolean): ObjectWithHistory | undefined {
    const head = this.#histories.head(r);
    if (!head) return undefined;
    const object = objectOf(r, head.row);
    if (!history) return { object, history: [] };
    const { collection, parents, id } = locate(r);
    const [born] = this.#statements
      .get(`SELECT born FROM ${collectionTable(collection)} WHERE id = ? AND parents = ?`)
      .get(id, parents) as [Pos];
    const changes = this.#history({ ...head, born });
    return { object, history: changes.map((change) => changeOf(r, change)) };
  }

  /** All entries that are kept; the creation stays when those after it are pruned. */
  #history(head: { row: ObjectRow; last: Pos; born: Pos }): readonly PublishedRow[] {
    const all = { after: 0, limit: Number.POSITIVE_INFINITY, size: Number.POSITIVE_INFINITY };
    const recent = this.#histories.entries(head, all);
    const [, deleted] = head.row;
    if (deleted === 1 || recent[0]?.[2] === ('create' satisfies Change['type'])) return recent;
    const creation = this.#histories.at(head.born);
    return creation ? [creation, ...recent] : recent;
  }

  #read<T>(read: () => T): T {
    if (this.#closed) throw new StoreUnavailable('the store is closed');
    try {
      return this.#transactions.read(read);
    } catch (error) {
      throw asStoreError(error);
    }
  }
}

/** Call it in the same transaction as whatever it is compared with. */
export function collectionSizes(db: Database): CollectionSize[] {
  const names = db.prepare('SELECT name FROM collections ORDER BY name').pluck().all() as string[];
  return names.map((name) => ({
    names: name.split('/'),
    objects: db
      .prepare(`SELECT count(*) FROM ${collectionTable(name)}`)
      .pluck()
      .get() as number,
  }));
}

function sizeOf([, , , touched, data]: ObjectRow, history: readonly PublishedRow[]): number {
  const lengths = history.map((row) => (row[7]?.length ?? 0) + (row[8]?.length ?? 0) + 200);
  return lengths.reduce((sum, length) => sum + length, touched.length + data.length);
}
