import { createHash } from 'node:crypto';
import { keyExpression } from './key.js';
import { quoteName } from './sql.js';

/** In the header of every file of ours: "Rely". Other programs' databases have another one, or 0. */
export const applicationId = 0x52656c79;

/** What the tables of every file are. What each version changed: see `upgrades.ts`. */
export const sharedTables = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    newest INTEGER NOT NULL
  );
  INSERT INTO meta (id, position, newest) VALUES (1, 0, 0);
  CREATE TABLE collections (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    floor INTEGER NOT NULL DEFAULT 0,
    swept INTEGER NOT NULL DEFAULT 0,
    model_version INTEGER NOT NULL DEFAULT 0,
    migrated INTEGER NOT NULL DEFAULT 0
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
    results TEXT NOT NULL,
    at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX once_key ON once (uid, id);
`;

/** The table of a collection, `users/posts`. */
export function collectionTable(collection: string): string {
  return quoteName(`objects/${foldSafe(collection)}`);
}

/**
 * `born` is the position of the object's creation and, being the row's number, its place in the table:
 * creations append. `last` is the position of its latest change. Small columns come first: a look at the
 * revision then never follows the overflow pages of a large `data`.
 */
export function collectionDdl(collection: string): string[] {
  const table = collectionTable(collection);
  const name = (kind: string) => quoteName(`${kind}/${foldSafe(collection)}`);
  const statements = [
    `CREATE TABLE ${table} (
      born INTEGER PRIMARY KEY,
      last INTEGER NOT NULL,
      rev INTEGER NOT NULL,
      deleted INTEGER NOT NULL,
      model_version INTEGER NOT NULL,
      id TEXT NOT NULL,
      parents TEXT NOT NULL,
      touched TEXT NOT NULL,
      data TEXT NOT NULL
    )`,
    `CREATE UNIQUE INDEX ${name('key')} ON ${table} (id, parents)`,
  ];
  if (collection.includes('/')) {
    statements.push(`CREATE INDEX ${name('parents')} ON ${table} (parents, id) WHERE deleted = 0`);
  }
  return statements;
}

export interface FieldIndex {
  readonly name: string;
  readonly field: string;
  readonly unique: boolean;
  readonly ddl: string;
}

/** The index that a model asks for. Its name tells everything apart that can differ. */
export function fieldIndex(collection: string, field: string, unique: boolean): FieldIndex {
  const table = collectionTable(collection);
  const key = keyExpression(field.split('.'));
  const hash = createHash('sha256').update(JSON.stringify(field)).digest('hex').slice(0, 16);
  const name = `${fieldIndexPrefix(collection)}${unique ? 'unique' : 'field'}/${hash}`;
  const ddl = unique
    ? `CREATE UNIQUE INDEX ${quoteName(name)} ON ${table} (${key}) WHERE deleted = 0`
    : `CREATE INDEX ${quoteName(name)} ON ${table} (${key}, id, parents) WHERE deleted = 0`;
  return { name, field, unique, ddl };
}

/** Of a collection's field indexes; no name of another collection's begins so. */
export function fieldIndexPrefix(collection: string): string {
  return `index/${foldSafe(collection)}//`;
}

/** Collections may differ in case alone, SQLite's names may not. */
function foldSafe(name: string): string {
  return name.replace(/[A-Z^]/g, (letter) => `^${letter}`);
}
