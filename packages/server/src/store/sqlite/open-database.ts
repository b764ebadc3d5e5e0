import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { systemReason } from '../../platform/system-reason.js';
import { StoreRefused } from '../store-errors.js';
import type { SqliteConfig } from './config.js';
import { codeOf, isBusy, isTrouble } from './errors.js';
import { inUse } from './files/process-lock.js';
import { registerKeyFunctions } from './sql/key.js';
import { applicationId } from './tables/schema.js';
import { schemaVersion, type Upgrade, upgrade, versionOf } from './tables/upgrades.js';

/** Milliseconds that opening waits for another lock on the file. */
const lockTimeout = 1000;

/** Upgrades it. `begin` runs before it is used; `isNew`: there was none. Throws `StoreRefused`. */
export function openForWriting(
  config: SqliteConfig,
  begin: (db: Database.Database, isNew: boolean) => void = () => {},
): {
  db: Database.Database;
  upgraded: readonly Upgrade[];
} {
  const { file } = config;
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: lockTimeout });
    assertOurs(db, file);
    setUpWriter(db, config);
    // Checks whether another connection holds the write lock.
    db.exec('BEGIN IMMEDIATE; ROLLBACK');
    const isNew = versionOf(db) === 0;
    const upgraded = upgrade(db);
    begin(db, isNew);
    return { db, upgraded };
  } catch (error) {
    db?.close();
    throw refusalOf(error, file);
  }
}

/** The database must have been opened for writing before. */
export function openForReading(file: string): Database.Database {
  const db = new Database(file, { readonly: true, timeout: lockTimeout });
  // Small, because each reader has one, and the pages are in the system's cache anyway.
  db.pragma('cache_size = -8192');
  registerKeyFunctions(db);
  return db;
}

/** To copy its log into it. The database must have been opened for writing before. */
export function openForCheckpoints(file: string): Database.Database {
  // Waits for nobody: what is blocked now is copied the next time.
  const db = new Database(file, { fileMustExist: true, timeout: 0 });
  db.pragma('synchronous = FULL');
  db.pragma('wal_autocheckpoint = 0');
  db.pragma('cache_size = -1024');
  return db;
}

/** While another process may write into it. `any`: also older versions. Throws `StoreRefused`. */
export function openToCopy(file: string, version: 'current' | 'any'): Database.Database {
  if (!existsSync(file)) throw new StoreRefused(`there is no database at ${file}`);
  let db: Database.Database | undefined;
  try {
    db = openForReading(file);
    assertOurs(db, file);
    if (version === 'current' && isOlder(db)) {
      throw new StoreRefused(
        `${file} was written by an older version: start the server once, which brings it up to date`,
      );
    }
    return db;
  } catch (error) {
    db?.close();
    throw refusalOf(error, file);
  }
}

/** Whether an upgrade would change it. */
export function isOlder(db: Database.Database): boolean {
  return versionOf(db) < schemaVersion;
}

function assertOurs(db: Database.Database, file: string): void {
  const version = versionOf(db);
  const isNew = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
  if (isNew && version === 0) return;
  if (Number(db.pragma('application_id', { simple: true })) !== applicationId) {
    throw new StoreRefused(`${file} is a database of another program`);
  }
  if (version > schemaVersion) {
    throw new StoreRefused(
      `${file} was written by a newer version: its format is ${version}, this program knows formats up to ${schemaVersion}`,
    );
  }
}

function setUpWriter(db: Database.Database, config: SqliteConfig): void {
  db.pragma('journal_mode = WAL');
  // FULL, not the NORMAL that is usual with WAL: an answered write must survive a power failure.
  db.pragma('synchronous = FULL');
  // Overwrites deleted data in the file.
  db.pragma('secure_delete = ON');
  db.pragma('cache_size = -65536');
  db.pragma('temp_store = MEMORY');
  // Checkpoints run beside the commits, see `log-checkpointer.ts`.
  db.pragma('wal_autocheckpoint = 0');
  db.pragma(`journal_size_limit = ${config.logSize}`);
  if (config.maxSize > 0) {
    const pageSize = Number(db.pragma('page_size', { simple: true }));
    db.pragma(`max_page_count = ${Math.ceil(config.maxSize / pageSize)}`);
  }
  registerKeyFunctions(db);
}

function refusalOf(error: unknown, file: string): unknown {
  if (isBusy(error)) return inUse(file);
  const code = codeOf(error);
  if (code === 'SQLITE_NOTADB') return new StoreRefused(`${file} is not a database`);
  if (code === 'SQLITE_CORRUPT') {
    return new StoreRefused(`${file} is damaged: ${(error as Error).message}`);
  }
  if (!code.startsWith('SQLITE_')) return error;
  const why = code === 'SQLITE_FULL' ? 'the disk is full' : reasonOf(error, file);
  return new StoreRefused(`${file} cannot be opened: ${why}`, {
    passing: isTrouble(error) && !/CANTOPEN|READONLY|AUTH|PERM/.test(code),
    cause: error,
  });
}

/** SQLite says only that it could not open the file; stat says why. */
function reasonOf(error: unknown, file: string): string {
  try {
    if (statSync(file).isDirectory()) return 'it is a folder';
    accessSync(file, constants.R_OK);
    accessSync(dirname(file), constants.R_OK | constants.X_OK);
  } catch (cause) {
    return systemReason(cause, file);
  }
  return (error as Error).message;
}
