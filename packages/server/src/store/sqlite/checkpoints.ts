import type { Database } from 'better-sqlite3';
import type { EncodedWrite } from './messages.js';

/** Pages of 4 KiB that the write-ahead log may have, about, before it is copied into the database. */
const checkpointAt = 4096;
/** Pages at which the log has to start anew, even if readers have to wait for it. */
const restartAt = 16_384;

/**
 * Keeps the write-ahead log short. The log is copied into the database between two commits, when
 * the answers of the first are on their way. It starts anew by itself when all of it is copied and nobody
 * reads from it; where queries overlap without end that moment never comes, and so, at a size, the
 * queries are held back until it does.
 */
export class Checkpoints {
  readonly #db: Database;
  /** Pages written since the last checkpoint, estimated. */
  #pages = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  committed(writes: readonly EncodedWrite[]): void {
    this.#pages += 2;
    for (const write of writes) {
      const [, , , , , author, , delta, , , , touched, data] = write;
      const bytes = author.length + (delta?.length ?? 0) + touched.length + 2 * data.length;
      this.#pages += 2 + bytes / 4096;
    }
  }

  /** True where the log has to start anew: see `restart`. */
  run(): boolean {
    if (this.#pages < checkpointAt) return false;
    this.#pages = 0;
    const { log } = this.#checkpoint('PASSIVE');
    return log > restartAt;
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
