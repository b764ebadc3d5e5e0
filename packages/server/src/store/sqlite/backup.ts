import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { Progress } from '../../platform/progress.js';
import { StoreRefused } from '../store-errors.js';
import { defaultSqliteConfig } from './config.js';
import { collectionSizes } from './export-reader.js';
import { isOlder, openForWriting, openToCopy } from './open-database.js';
import { forgetEpoch } from './store-epoch.js';

/** Pages copied between two progress reports. */
const stride = 256;
/** Pages copied before an fsync: more of them at once would delay commits (rule DUR8). */
const unsynced = 4 * stride;

/** Contents of a copy, as found when it was opened. */
export interface BackedUp {
  readonly position: number;
  /** Tombstones included. */
  readonly objects: number;
  readonly changes: number;
}

/**
 * Copies the database into a file that is empty or missing, as of one moment, while other processes
 * read and write; then opens the copy as a server would, and checks it. Throws `StoreRefused`, or
 * the system's error. The caller removes what is left then: the file, and `-wal` and `-shm` beside
 * it.
 */
export async function backUpDatabase(
  file: string,
  target: string,
  progress: Progress,
): Promise<BackedUp> {
  const db = openToCopy(file, 'any');
  try {
    // Fixes the moment of the copy: without this transaction SQLite would start over with every
    // commit of the server.
    db.exec('BEGIN');
    const expected = contentOf(db);
    await copy(db, target, progress);
    db.exec('COMMIT');
    verify(target, expected, progress);
    return expected;
  } finally {
    progress.end();
    db.close();
  }
}

async function copy(db: Database, target: string, progress: Progress): Promise<void> {
  let copied = 0;
  let synced = 0;
  let file: number | undefined;
  try {
    await db.backup(target, {
      progress({ totalPages, remainingPages }) {
        if (file === undefined) {
          progress.begin({ doing: 'copying', unit: 'pages', total: totalPages });
          file = openSync(target, 'r+');
        }
        progress.advance(totalPages - remainingPages - copied);
        copied = totalPages - remainingPages;
        if (copied - synced >= unsynced) {
          fdatasyncSync(file);
          synced = copied;
        }
        return stride;
      },
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
  progress.end();
}

function verify(target: string, expected: BackedUp, progress: Progress): void {
  progress.begin({ doing: 'verifying', unit: 'objects', total: expected.objects });
  const db = openCopy(target);
  try {
    const problems = db.pragma('integrity_check(1)', { simple: true });
    if (problems !== 'ok') {
      const why = String(problems).replace(/\s+/g, ' ');
      throw new StoreRefused(`the database is damaged, and so is its copy: ${why}`);
    }
    const found = contentOf(db);
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      throw new StoreRefused(
        `the copy is not what was copied: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`,
      );
    }
    progress.advance(found.objects);
  } finally {
    db.close();
  }
}

/** As a server opens it, but not upgraded: the backup of an older version is the way back to it. */
function openCopy(target: string): Database {
  const db = openToCopy(target, 'any');
  if (isOlder(db)) return db;
  db.close();
  return openForWriting({ ...defaultSqliteConfig, file: target }, forgetEpoch).db;
}

function contentOf(db: Database): BackedUp {
  const position = db.prepare('SELECT position FROM meta').pluck().get() as number;
  const changes = db.prepare('SELECT count(*) FROM changes').pluck().get() as number;
  const objects = collectionSizes(db).reduce((sum, collection) => sum + collection.objects, 0);
  return { position, objects, changes };
}
