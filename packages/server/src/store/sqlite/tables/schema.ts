import { createHash } from 'node:crypto';
import type { LayoutIndex, StoredFieldType } from '../../collection-layout.js';
import { jsonPath, keyExpression } from '../sql/key.js';
import { quoteName } from '../sql/sql.js';

/** In the header of every file: "Rely". Databases of other programs have another one, or 0. */
export const applicationId = 0x52656c79;

/** The tables that every file has. For the changes of each version see `upgrades.ts`. */
export const sharedTables = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    epoch TEXT NOT NULL DEFAULT '',
    epoch_secret TEXT NOT NULL DEFAULT '',
    epoch_is_first INTEGER NOT NULL DEFAULT 0,
    opening TEXT NOT NULL DEFAULT ''
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
    created TEXT,
    cause TEXT
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
 * `born` is the position of the object's creation and, as the row id, its place in the table:
 * creations append. `last` is the position of its latest change. Small columns come first, so that
 * reading the revision never follows the overflow pages of a large `data`.
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
  /** `undefined` where the index is not about the values of fields. */
  readonly fields: readonly string[] | undefined;
  readonly ddl: string;
}

/**
 * The index that a model declares. A unique one contains only objects of the model version
 * `currentFrom` and later, so that a migration can move values from one object to another in any
 * order.
 */
export function fieldIndex(
  collection: string,
  { fields, unique }: LayoutIndex,
  currentFrom = 1,
): FieldIndex {
  const table = collectionTable(collection);
  const key = fields.map((field) => keyExpression(field.split('.'))).join(', ');
  // The names of indexes of one field are as old as the format.
  const named = JSON.stringify(fields.length === 1 ? fields[0] : fields);
  const name = `${fieldIndexPrefix(collection)}${unique ? 'unique' : 'field'}/${hashOf(named)}`;
  const ddl = unique
    ? `CREATE UNIQUE INDEX ${quoteName(name)} ON ${table} (${key}) WHERE ${uniqueCondition(currentFrom)}`
    : `CREATE INDEX ${quoteName(name)} ON ${table} (${key}, id, parents) WHERE deleted = 0`;
  return { name, fields, ddl };
}

/** True for the objects that count for unique fields. */
export function uniqueCondition(currentFrom: number): string {
  return currentFrom > 1 ? `deleted = 0 AND model_version >= ${currentFrom}` : 'deleted = 0';
}

/** Of the objects with a value of another type in one of these fields: hardly any. */
export function typesIndex(collection: string, types: readonly StoredFieldType[]): FieldIndex {
  const table = collectionTable(collection);
  const name = `${fieldIndexPrefix(collection)}types/${hashOf(JSON.stringify(types))}`;
  const ddl = `CREATE INDEX ${quoteName(name)} ON ${table} (born) WHERE ${mistypedCondition(types)}`;
  return { name, fields: undefined, ddl };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** True for living objects with a value of another type in one of these fields. */
export function mistypedCondition(types: readonly StoredFieldType[]): string {
  const conditions = types.map(({ field, type }) => {
    const kinds = jsonTypes[type].map((kind) => `'${kind}'`);
    return `json_type(data, ${jsonPath([field])}) NOT IN (${kinds.join(', ')})`;
  });
  return `deleted = 0 AND (${conditions.join(' OR ')})`;
}

const jsonTypes = { text: ['text'], number: ['integer', 'real'], boolean: ['true', 'false'] };

/** Prefix of a collection's field indexes; unique to the collection. */
export function fieldIndexPrefix(collection: string): string {
  return `index/${foldSafe(collection)}//`;
}

/** Collections may differ in case alone, SQLite's names may not. */
export function foldSafe(name: string): string {
  return name.replace(/[A-Z^]/g, (letter) => `^${letter}`);
}
