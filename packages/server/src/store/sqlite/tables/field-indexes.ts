import type { Database } from 'better-sqlite3';
import type { CollectionLayout } from '../../collection-layout.js';
import { UniqueClash } from '../../store-errors.js';
import { isUniqueViolation } from '../errors.js';
import { quoteName } from '../sql/sql.js';
import { type FieldIndex, fieldIndex, fieldIndexPrefix, typesIndex } from './schema.js';

/**
 * Creates the indexes of a layout and drops the others of its collection. Fields that become
 * unique must be so in all objects, whatever their version. Throws `UniqueClash`.
 */
export function layOutIndexes(db: Database, layout: CollectionLayout): void {
  const { names, indexes, types = [], currentFrom } = layout;
  const collection = names.join('/');
  const wanted = indexes.map((index) => fieldIndex(collection, index, currentFrom));
  if (types.length > 0) wanted.push(typesIndex(collection, types));
  const before = storedIndexes(db, collection);
  const stored = new Map(before);
  for (const [name, ddl] of before) {
    if (wanted.some((index) => index.name === name && index.ddl === ddl)) continue;
    db.exec(`DROP INDEX ${quoteName(name)}`);
    stored.delete(name);
  }
  for (const index of indexes) {
    const strict = fieldIndex(collection, index);
    if (!index.unique || before.has(strict.name)) continue;
    create(db, collection, strict);
    db.exec(`DROP INDEX ${quoteName(strict.name)}`);
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

function create(db: Database, collection: string, { fields, ddl }: FieldIndex): void {
  try {
    db.exec(ddl);
  } catch (error) {
    throw fields !== undefined && isUniqueViolation(error)
      ? new UniqueClash(collection, fields)
      : error;
  }
}
