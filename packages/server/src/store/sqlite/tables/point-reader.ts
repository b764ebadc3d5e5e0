import type { Database, Statement } from 'better-sqlite3';
import type { Change, Pos, StoredObject } from '../../stored-object.js';
import type { SqliteConfig } from '../config.js';
import { Transactions } from '../transactions.js';
import { DependentsReader } from './dependents-reader.js';
import { HistoryReader, type RevisionRange } from './history-reader.js';
import { OnceReader } from './once-log.js';
import { objectOf, publishedOf } from './rows.js';

export interface StoredHistory {
  readonly object: StoredObject;
  readonly entries: readonly Change[];
}

/**
 * Reads by key, on the main thread: they take microseconds, less than a message to another thread.
 * Each sees everything committed before it.
 */
export class PointReader {
  readonly once: OnceReader;
  readonly dependents: DependentsReader;
  readonly #db: Database;
  readonly #history: HistoryReader;
  readonly #meta: Statement;
  readonly #transactions: Transactions;

  constructor(db: Database, config: SqliteConfig) {
    this.#db = db;
    this.#history = new HistoryReader(db);
    this.once = new OnceReader(db, config);
    this.dependents = new DependentsReader(db);
    this.#transactions = new Transactions(db);
    this.#meta = db.prepare('SELECT position, newest FROM meta').raw();
  }

  get(r: string): StoredObject | undefined {
    const head = this.#history.head(r);
    return head && objectOf(r, head.row);
  }

  getMany(rs: readonly string[]): (StoredObject | undefined)[] {
    if (rs.length === 1) return rs.map((r) => this.get(r));
    return this.#transactions.read(() => rs.map((r) => this.get(r)));
  }

  areLiving(rs: readonly string[]): boolean[] {
    if (rs.length === 1) return rs.map((r) => this.#history.isLiving(r));
    return this.#transactions.read(() => rs.map((r) => this.#history.isLiving(r)));
  }

  /** With the changes that `wanted` says for this revision; 'far' where it says so. */
  history(
    r: string,
    wanted: (rev: number) => RevisionRange | 'far' | undefined,
  ): StoredHistory | 'far' | undefined {
    return this.#transactions.read(() => {
      const head = this.#history.head(r);
      if (!head) return undefined;
      const span = wanted(head.row[0]);
      if (span === 'far') return span;
      const rows = span ? this.#history.entries(head, span) : [];
      return { object: objectOf(r, head.row), entries: rows.map((row) => publishedOf(r, row)) };
    });
  }

  meta(): { position: Pos; newest: number } {
    const [position, newest] = this.#meta.get() as [Pos, number];
    return { position, newest };
  }

  close(): void {
    this.#db.close();
  }
}
