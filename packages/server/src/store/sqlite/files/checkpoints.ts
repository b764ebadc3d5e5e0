import type { Database } from 'better-sqlite3';
import type { SqliteConfig } from '../config.js';
import { isBusy, isTrouble } from '../errors.js';
import type {
  EncodedMigration,
  EncodedObjectWithHistory,
  EncodedWrite,
  LogSize,
} from '../threads/messages.js';

const pageSize = 4096;
/** Milliseconds that the writer waits for locks when it does not check the log. */
const patience = 1000;

/** Pages of the log after which it is copied, and those after which it has to start again. */
export function logBounds({ logSize }: Pick<SqliteConfig, 'logSize'>): {
  readonly copyAt: number;
  readonly restartAt: number;
} {
  const restartAt = logSize / pageSize;
  return { copyAt: restartAt / 4, restartAt };
}

/**
 * The writer's part in keeping the write-ahead log short: it estimates how long the log is, and copies the little that
 * came last. All else is copied elsewhere, see `log-keeper.ts`: what is copied may be much, and whoever
 * reads from outside may hold it up, and neither may hold up commits.
 */
export class Checkpoints {
  readonly #db: Database;
  readonly #copyAt: number;
  /** Pages written since the last time that the log was found due, estimated. */
  #pages = 0;

  constructor(db: Database, config: Pick<SqliteConfig, 'logSize'>) {
    this.#db = db;
    this.#copyAt = logBounds(config).copyAt;
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

  /** A commit that found no room may find some in the log. */
  failed(): void {
    this.#pages = this.#copyAt;
  }

  /** Whether so much was written that the log has to be copied; true once for each time. */
  due(): boolean {
    if (this.#pages < this.#copyAt) return false;
    this.#pages = 0;
    return true;
  }

  /**
   * Copies what is left of the log, which has to be little: the next commit then starts it again by itself, unless
   * somebody reads from it.
   */
  finish(): LogSize {
    return checkpoint(this.#db, 'PASSIVE');
  }

  /**
   * As `finish`, and has the next commit start the log again. To be called while nobody of this process reads; where
   * somebody else does, nothing comes of it, and nobody waits.
   */
  restart(): LogSize {
    this.#db.pragma('busy_timeout = 0');
    try {
      return checkpoint(this.#db, 'RESTART');
    } finally {
      this.#db.pragma(`busy_timeout = ${patience}`);
    }
  }
}

/** A full disk, or another process that copies: nothing is lost, the log just stays as long as it is. */
export function checkpoint(db: Database, mode: 'PASSIVE' | 'RESTART'): LogSize {
  try {
    const [found] = db.pragma(`wal_checkpoint(${mode})`) as [{ log: number; checkpointed: number }];
    return { pages: found.log, left: found.log - found.checkpointed };
  } catch (error) {
    if (isTrouble(error) || isBusy(error)) return { pages: 0, left: Number.POSITIVE_INFINITY };
    throw error;
  }
}
