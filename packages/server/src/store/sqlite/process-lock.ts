import Database from 'better-sqlite3';
import { StoreInUse, StoreRefused } from '../store.js';
import { isBusy } from './errors.js';

/**
 * Claims a database for this process, by an exclusive lock on an empty database beside it. The lock
 * lives in the kernel, so that it ends with the process however that ends: nothing has to be cleaned
 * up after a kill -9.
 *
 * The database itself cannot carry the lock: the readers are connections of their own.
 */
export function lockDatabase(file: string): { release(): void } {
  let lock: Database.Database | undefined;
  try {
    lock = new Database(`${file}.lock`, { timeout: 0 });
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock?.close();
    if (isBusy(error)) throw inUse(file);
    throw new StoreRefused(`${file}.lock cannot be opened: ${(error as Error).message}`);
  }
  return { release: () => void lock.close() };
}

export function inUse(file: string): StoreInUse {
  return new StoreInUse(
    `${file} is in use by another process: is a server running on this data already?`,
  );
}
