import type { Database } from 'better-sqlite3';
import type { CollectionLayout, LayoutIndex } from '../../collection-layout.js';
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
  const stored = storedIndexes(db, collection);
  for (const [name, ddl] of stored) {
    if (!wanted.some((index) => index.name === name && index.ddl === ddl)) drop(db, name);
  }
  for (const [at, index] of wanted.entries()) {
    const declared = indexes[at];
    if (declared?.unique && !stored.has(index.name)) checkAll(db, collection, declared, index);
    if (stored.get(index.name) !== index.ddl) create(db, collection, index);
  }
}

/** Throws `UniqueClash` where an object of any version forbids the index, which may leave some out. */
function checkAll(db: Database, collection: string, declared: LayoutIndex, { ddl }: FieldIndex) {
  const strict = fieldIndex(collection, declared);
  if (strict.ddl === ddl) return;
  create(db, collection, strict);
  drop(db, strict.name);
}

function drop(db: Database, name: string): void {
  db.exec(`DROP INDEX ${quoteName(name)}`);
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
