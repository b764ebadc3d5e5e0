import type { Database } from 'better-sqlite3';
import { applicationId, sharedTables } from './schema.js';

/** From the version before it to `to`. Runs inside the transaction of the whole upgrade. */
export interface Upgrade {
  readonly to: number;
  readonly what: string;
  readonly run: (db: Database) => void;
}

/**
 * What each version of the file changed. A step that was ever released is never edited: files of
 * that version are out there.
 */
export const upgrades: readonly Upgrade[] = [
  {
    to: 2,
    what: 'meta has the time of the newest change, so that ids never go back',
    run: (db) => {
      db.exec('ALTER TABLE meta ADD COLUMN newest INTEGER NOT NULL DEFAULT 0');
      db.exec('UPDATE meta SET newest = (SELECT coalesce(max(at), 0) FROM changes)');
    },
  },
  {
    to: 3,
    what: 'a once-key may stand for several writes',
    run: (db) => {
      db.exec(`
        CREATE TABLE once_anew (
          pos INTEGER PRIMARY KEY,
          uid TEXT NOT NULL,
          id TEXT NOT NULL,
          cmd TEXT NOT NULL,
          r TEXT NOT NULL,
          results TEXT NOT NULL,
          at INTEGER NOT NULL
        );
        INSERT INTO once_anew
          SELECT pos, uid, id, cmd, r, json_array(result_r, result_rev), at FROM once;
        DROP TABLE once;
        ALTER TABLE once_anew RENAME TO once;
        CREATE UNIQUE INDEX once_key ON once (uid, id);
      `);
    },
  },
  {
    to: 4,
    what: 'collections know the version of their model, and up to which one their objects were migrated',
    run: (db) => {
      db.exec('ALTER TABLE collections ADD COLUMN model_version INTEGER NOT NULL DEFAULT 0');
      db.exec('ALTER TABLE collections ADD COLUMN migrated INTEGER NOT NULL DEFAULT 0');
    },
  },
  {
    to: 5,
    what: 'meta has the epoch of the store; who wrote before that gave out revisions under none',
    run: (db) => {
      for (const column of ['epoch', 'epoch_secret', 'opening']) {
        db.exec(`ALTER TABLE meta ADD COLUMN ${column} TEXT NOT NULL DEFAULT ''`);
      }
      db.exec('ALTER TABLE meta ADD COLUMN epoch_is_first INTEGER NOT NULL DEFAULT 0');
    },
  },
];

/** The version that this program writes. */
export const schemaVersion = upgrades.at(-1)?.to ?? 1;

/** The version of a file; 0 where it is new. */
export function versionOf(db: Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Makes the tables of a new file, or brings an older one up to date, in one transaction. */
export function upgrade(db: Database): readonly Upgrade[] {
  const from = versionOf(db);
  const steps = from === 0 ? [] : upgrades.filter(({ to }) => to > from);
  if (from === schemaVersion) return steps;
  db.transaction(() => {
    if (from === 0) db.exec(sharedTables);
    for (const step of steps) step.run(db);
    db.pragma(`application_id = ${applicationId}`);
    db.pragma(`user_version = ${schemaVersion}`);
  }).immediate();
  return steps;
}
