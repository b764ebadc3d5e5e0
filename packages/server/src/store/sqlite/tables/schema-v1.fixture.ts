import Database from 'better-sqlite3';
import { applicationId } from './schema.js';

/** The tables as version 1 made them. A record, never to be updated. */
const version1 = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
  );
  CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    floor INTEGER NOT NULL DEFAULT 0,
    swept INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE changes (
    pos INTEGER PRIMARY KEY,
    previous INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    at INTEGER NOT NULL,
    model_version INTEGER NOT NULL,
    type TEXT NOT NULL,
    r TEXT NOT NULL,
    author TEXT NOT NULL,
    touched TEXT,
    delta TEXT,
    created TEXT
  );
  CREATE TABLE once (
    pos INTEGER PRIMARY KEY,
    uid TEXT NOT NULL,
    id TEXT NOT NULL,
    cmd TEXT NOT NULL,
    r TEXT NOT NULL,
    result_r TEXT NOT NULL,
    result_rev INTEGER NOT NULL,
    at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX once_key ON once (uid, id);
  CREATE TABLE "objects/users" (
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
  CREATE UNIQUE INDEX "key/users" ON "objects/users" (id, parents);
  INSERT INTO meta VALUES (1, 3);
  INSERT INTO collections VALUES (1, 'users', 0, 0);
  INSERT INTO "objects/users" VALUES (1, 3, 2, 0, 1, '1', '', '{"n":2}', '{"n":2,"s":"x"}');
  INSERT INTO "objects/users" VALUES (2, 2, 1, 0, 1, '2', '', '{}', '{"n":5}');
  INSERT INTO changes VALUES
    (1, 0, 1, 1, 1700000000100, 1, 'create', '/users/1', '{"uid":"u1"}', NULL, NULL, '{"n":1,"s":"x"}'),
    (2, 0, 1, 1, 1700000000300, 1, 'create', '/users/2', '{"uid":"u2"}', NULL, NULL, '{"n":5}'),
    (3, 1, 1, 2, 1700000000200, 1, 'update', '/users/1', '{"uid":"u1"}', '{"n":1}', '{"n":{"op":"set","opValue":2}}', NULL);
  INSERT INTO once VALUES (2, '"u2"', '"k"', 'create', '/users/*', '/users/2', 1, 1700000000300);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = 1;
`;

/** A database of version 1: two users, one of them updated. */
export function makeVersion1(file: string): void {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.exec(version1);
  db.close();
}
