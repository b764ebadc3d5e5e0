import type { Database } from 'better-sqlite3';
import { type CollectionLayout, UniqueClash } from '../store.js';
import { isUniqueViolation } from './errors.js';
import { type FieldIndex, fieldIndex, fieldIndexPrefix } from './schema.js';
import { quoteName } from './sql.js';

/** Makes the indexes that a layout asks for and drops the others of its collection. Throws `UniqueClash`. */
export function layOutIndexes(db: Database, { names, indexes }: CollectionLayout): void {
  const collection = names.join('/');
  const wanted = indexes.map(({ field, unique }) => fieldIndex(collection, field, unique));
  const stored = storedIndexes(db, collection);
  for (const [name, ddl] of stored) {
    if (!wanted.some((index) => index.name === name && index.ddl === ddl)) {
      db.exec(`DROP INDEX ${quoteName(name)}`);
      stored.delete(name);
    }
  }
  for (const index of wanted) if (!stored.has(index.name)) create(db, collection, index);
}

function storedIndexes(db: Database, collection: string): Map<string, string> {
  const prefix = fieldIndexPrefix(collection);
  const rows = db
    .prepare(`SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND substr(name, 1, ?) = ?`)
    .raw()
    .all(prefix.length, prefix) as [string, string][];
  return new Map(rows);
}

function create(db: Database, collection: string, { field, ddl }: FieldIndex): void {
  try {
    db.exec(ddl);
  } catch (error) {
    throw isUniqueViolation(error) ? new UniqueClash(collection, field) : error;
  }
}
