import type { Database } from 'better-sqlite3';
import { applicationId, sharedTables } from './schema.js';

/** From the previous version to `to`. Runs inside the transaction of the whole upgrade. */
export interface Upgrade {
  readonly to: number;
  readonly what: string;
  readonly run: (db: Database) => void;
}

/** What each version changed. A released step is never edited: files of that version exist. */
export const upgrades: readonly Upgrade[] = [
  {
    to: 2,
    what: 'meta has the latest change time, so that ids never go back',
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
    what: 'meta has the epoch of the store; revisions issued by earlier versions have none',
    run: (db) => {
      for (const column of ['epoch', 'epoch_secret', 'opening']) {
        db.exec(`ALTER TABLE meta ADD COLUMN ${column} TEXT NOT NULL DEFAULT ''`);
      }
      db.exec('ALTER TABLE meta ADD COLUMN epoch_is_first INTEGER NOT NULL DEFAULT 0');
    },
  },
  {
    to: 6,
    what: 'the collection of durable jobs is `_jobs`; it was `_errands`',
    run: renameErrands,
  },
  {
    to: 7,
    what: 'a change knows the deletion that led to it',
    run: (db) => {
      db.exec('ALTER TABLE changes ADD COLUMN cause TEXT');
    },
  },
];

/** A new table, filled from the old one: SQLite cannot rename an index. */
function renameErrands(db: Database): void {
  const number = db.prepare("SELECT id FROM collections WHERE name = '_errands'").pluck().get();
  if (number === undefined) return;
  db.exec(`
    CREATE TABLE "objects/_jobs" (
      born INTEGER PRIMARY KEY,
      last INTEGER NOT NULL,
      rev INTEGER NOT NULL,
      deleted INTEGER NOT NULL,
      model_version INTEGER NOT NULL,
      id TEXT NOT NULL,
      parents TEXT NOT NULL,
      touched TEXT NOT NULL,
      data TEXT NOT NULL
    );
    INSERT INTO "objects/_jobs"
      SELECT born, last, rev, deleted, model_version, id, parents, touched, data FROM "objects/_errands";
    DROP TABLE "objects/_errands";
    CREATE UNIQUE INDEX "key/_jobs" ON "objects/_jobs" (id, parents);
  `);
  const length = '/_errands/'.length + 1;
  db.prepare(`UPDATE changes SET r = '/_jobs/' || substr(r, ${length}) WHERE collection = ?`).run(
    number,
  );
  db.prepare("UPDATE collections SET name = '_jobs' WHERE id = ?").run(number);
}

/** The version that this program writes. */
export const schemaVersion = upgrades.at(-1)?.to ?? 1;

/** The version of a file; 0 where it is new. */
export function versionOf(db: Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Creates the tables of a new file, or upgrades an older one, in one transaction. */
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
