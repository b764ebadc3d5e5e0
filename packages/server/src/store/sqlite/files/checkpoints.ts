import type { Database } from 'better-sqlite3';
import type { SqliteConfig } from '../config.js';
import { isTrouble } from '../errors.js';
import type {
  EncodedMigration,
  EncodedObjectWithHistory,
  EncodedWrite,
  LogSize,
} from '../threads/messages.js';

const pageSize = 4096;
/** Milliseconds that the writer waits for locks, except when it checkpoints. */
const lockTimeout = 1000;

/** Pages of the log after which it must restart. It is copied after a quarter of them. */
export function mostPages({ logSize }: Pick<SqliteConfig, 'logSize'>): number {
  return logSize / pageSize;
}

/**
 * The writer's part in keeping the write-ahead log short: it estimates the length of the log, and
 * copies its last few pages. The rest is copied by `log-checkpointer.ts`: that may be much, and
 * external readers may block it, and neither may delay commits.
 */
export class Checkpoints {
  readonly #db: Database;
  readonly #copyAt: number;
  /** Pages written since the log was last found due, estimated. */
  #pages = 0;

  constructor(db: Database, config: Pick<SqliteConfig, 'logSize'>) {
    this.#db = db;
    this.#copyAt = mostPages(config) / 4;
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

  restored(entries: readonly EncodedObjectWithHistory[]): void {
    for (const { state, history } of entries) {
      this.committed(history);
      this.#pages += state.data.length / pageSize;
    }
  }

  /** A commit that found no room may find some after a checkpoint. */
  failed(): void {
    this.#pages = this.#copyAt;
  }

  /** True, once, when the log has grown enough to be copied. */
  due(): boolean {
    if (this.#pages < this.#copyAt) return false;
    this.#pages = 0;
    return true;
  }

  /** Copies the rest, which must be little: the next commit restarts the log, unless it is read. */
  finish(): LogSize {
    return checkpoint(this.#db, 'PASSIVE');
  }

  /**
   * As `finish`, and makes the next commit restart the log. Call it while nobody in this process
   * reads; if another process does, it has no effect and does not wait.
   */
  restart(): LogSize {
    this.#db.pragma('busy_timeout = 0');
    try {
      return checkpoint(this.#db, 'RESTART');
    } finally {
      this.#db.pragma(`busy_timeout = ${lockTimeout}`);
    }
  }
}

/** A full disk, or another process that checkpoints: nothing is lost, the log just stays long. */
export function checkpoint(db: Database, mode: 'PASSIVE' | 'RESTART'): LogSize {
  try {
    const [found] = db.pragma(`wal_checkpoint(${mode})`) as [{ log: number; checkpointed: number }];
    return { pages: found.log, left: found.log - found.checkpointed };
  } catch (error) {
    if (isTrouble(error)) return { pages: 0, left: Number.POSITIVE_INFINITY };
    throw error;
  }
}
