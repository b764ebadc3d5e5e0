import type { Database } from 'better-sqlite3';
import type { SqliteConfig } from './config.js';
import { isTrouble } from './errors.js';
import type { EncodedKept, EncodedMigration, EncodedWrite } from './messages.js';

const pageSize = 4096;

/**
 * Keeps the write-ahead log short. The log is copied into the database between two commits, when
 * the answers of the first are on their way. It starts anew by itself when all of it is copied and nobody
 * reads from it; where queries overlap without end that moment never comes, and so, at a size, the
 * queries are held back until it does.
 */
export class Checkpoints {
  readonly #db: Database;
  /** Pages that the log may have, about, before it is copied into the database. */
  readonly #copyAt: number;
  /** Pages at which it has to start anew, even if queries have to wait for that. */
  readonly #restartAt: number;
  /** Pages written since the last checkpoint, estimated. */
  #pages = 0;

  constructor(db: Database, { logSize }: Pick<SqliteConfig, 'logSize'>) {
    this.#db = db;
    this.#restartAt = logSize / pageSize;
    this.#copyAt = this.#restartAt / 4;
  }

  committed(writes: readonly EncodedWrite[]): void {
    // The ends of the tables, and the page of positions.
    this.#pages += 5;
    for (const write of writes) {
      const [, , , , , author, , delta, , , , touched, data] = write;
      const bytes = author.length + (delta?.length ?? 0) + touched.length + 2 * data.length;
      this.#pages += 2 + bytes / pageSize;
    }
  }

  migrated(objects: readonly EncodedMigration[]): void {
    for (const [, , , , data] of objects) this.#pages += 2 + data.length / pageSize;
  }

  restored(entries: readonly EncodedKept[]): void {
    for (const { state, history } of entries) {
      this.committed(history);
      this.#pages += state.data.length / pageSize;
    }
  }

  /** A commit that found no room may find some in the log. */
  failed(): void {
    this.#pages = this.#copyAt;
  }

  /** True where the log has to start anew: see `restart`. */
  run(): boolean {
    if (this.#pages < this.#copyAt) return false;
    this.#pages = 0;
    try {
      return this.#checkpoint('PASSIVE').log > this.#restartAt;
    } catch (error) {
      // A full disk, say. Nothing is lost, the log just stays as long as it is.
      if (isTrouble(error)) return false;
      throw error;
    }
  }

  /** Copies all of the log and has the next commit start it anew. To be called while nobody reads. */
  restart(): void {
    this.#checkpoint('RESTART');
  }

  #checkpoint(mode: 'PASSIVE' | 'RESTART'): { log: number } {
    const [result] = this.#db.pragma(`wal_checkpoint(${mode})`) as [{ log: number }];
    return result;
  }
}
