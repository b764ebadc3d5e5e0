import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { StoreInUse, StoreRefused } from '../../store-errors.js';
import { isBusy } from '../errors.js';
import { claimFile } from './database-files.js';

/**
 * Claims a database for this process, by an exclusive lock on an empty database beside it, whose
 * file may be deleted by others. The kernel holds the lock, so it ends with the process however that
 * ends: nothing has to be cleaned up after a kill -9.
 *
 * The database itself cannot carry the lock, because the readers have their own connections to it.
 */
export class ProcessLock {
  readonly #database: string;
  readonly #file: string;
  /** True where the lock file did not exist: another process may hold a deleted one. */
  readonly isNew: boolean;
  #lock: Database.Database;
  #identity: string;

  constructor(database: string) {
    this.#database = database;
    this.#file = `${database}.lock`;
    this.isNew = claimFile(this.#file);
    this.#lock = this.#take();
    this.#identity = identityOf(this.#file);
  }

  /** `renewed`: its file was deleted, and is there again. `lost`: another process was faster. */
  keep(): 'held' | 'renewed' | 'lost' {
    if (identityOf(this.#file) === this.#identity) return 'held';
    try {
      claimFile(this.#file);
      const lock = this.#take();
      this.#lock.close();
      this.#lock = lock;
      this.#identity = identityOf(this.#file);
      return 'renewed';
    } catch {
      return 'lost';
    }
  }

  release(): void {
    this.#lock.close();
  }

  #take(): Database.Database {
    let lock: Database.Database | undefined;
    try {
      lock = new Database(this.#file, { timeout: 0 });
      lock.pragma('journal_mode = MEMORY');
      lock.exec('BEGIN EXCLUSIVE');
      return lock;
    } catch (error) {
      lock?.close();
      if (isBusy(error)) throw inUse(this.#database);
      throw new StoreRefused(`${this.#file} cannot be opened: ${(error as Error).message}`);
    }
  }
}

/**
 * Throws `StoreInUse` where any other process has the database open: asks for a lock on the whole
 * file, of which everyone who has it open holds a part, even if the lock file was deleted.
 */
export function assertAlone(file: string): void {
  const db = new Database(file, { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch (error) {
    // Opening the database reports other errors.
    if (isBusy(error)) throw inUse(file);
  } finally {
    db.close();
  }
}

/** Identifies a file, also when another one takes its name. */
export function identityOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}` : 'none';
}

export function inUse(file: string): StoreInUse {
  return new StoreInUse(
    `${file} is in use by another process: is a server running on this data already?`,
  );
}
