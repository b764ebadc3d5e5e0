import type { Database } from 'better-sqlite3';
import type { CollectionLayout } from '../../collection-layout.js';
import { partsOfReferencePath, type ReferencePathPart } from '../../reference-path.js';
import { jsonPath } from '../sql/key.js';
import { quoteName, quoteText } from '../sql/sql.js';
import { collectionTable, foldSafe } from './schema.js';

/**
 * The references of a collection by what they refer to: one row for each object, field and target.
 * `born` is the key of the object in the table of its collection. Triggers keep it true, whoever
 * writes to that table: commits, migrations, imports.
 */
export function referencesTable(collection: string): string {
  return quoteName(nameFor(collection));
}

function nameFor(collection: string): string {
  return `references/${foldSafe(collection)}`;
}

/** Makes and fills the table of references as a layout wants it, or drops it, in a transaction. */
export function layOutReferences(db: Database, { names, references = [] }: CollectionLayout): void {
  const collection = names.join('/');
  const wanted = references.length > 0 ? ddlOf(collection, [...references].sort()) : [];
  const stored = storedDdl(db, collection);
  if (wanted.length === stored.size && wanted.every((ddl) => stored.has(ddl))) return;
  for (const kind of triggerKinds) {
    db.exec(`DROP TRIGGER IF EXISTS ${triggerName(collection, kind)}`);
  }
  db.exec(`DROP TABLE IF EXISTS ${referencesTable(collection)}`);
  for (const ddl of wanted) db.exec(ddl);
  if (wanted.length === 0) return;
  for (const path of references) {
    const from = `${collectionTable(collection)} AS stored`;
    db.exec(`${insertion(collection, path, 'stored', from)} AND stored.deleted <> 1`);
  }
}

const triggerKinds = ['insert', 'update', 'delete'] as const;

function triggerName(collection: string, kind: (typeof triggerKinds)[number]): string {
  return quoteName(`${nameFor(collection)}//${kind}`);
}

function storedDdl(db: Database, collection: string): ReadonlySet<string> {
  const name = nameFor(collection);
  const rows = db
    .prepare(
      `SELECT sql FROM sqlite_schema
        WHERE (type = 'table' AND name = ?) OR (type = 'trigger' AND substr(name, 1, ?) = ?)`,
    )
    .pluck()
    .all(name, name.length + 2, `${name}//`);
  return new Set(rows as string[]);
}

function ddlOf(collection: string, paths: readonly string[]): string[] {
  const table = collectionTable(collection);
  const references = referencesTable(collection);
  const trigger = (kind: (typeof triggerKinds)[number]) =>
    `CREATE TRIGGER ${triggerName(collection, kind)} AFTER`;
  const remove = paths.map((path) => `${removal(collection, path)};`).join(' ');
  const add = paths
    .map((path) => `${insertion(collection, path, 'new')} AND new.deleted <> 1;`)
    .join(' ');
  const change = paths.map((path) => changesOf(collection, path)).join(' ');
  const fields = new Set(paths.map((path) => partsOfReferencePath(path)[0]?.members[0] ?? ''));
  const changes = [...fields].map((field) => {
    const at = jsonPath([field]);
    return `json_extract(old.data, ${at}) IS NOT json_extract(new.data, ${at})`;
  });
  return [
    `CREATE TABLE ${references} (
      target TEXT NOT NULL,
      field TEXT NOT NULL,
      born INTEGER NOT NULL,
      PRIMARY KEY (target, field, born)
    ) WITHOUT ROWID`,
    `${trigger('insert')} INSERT ON ${table} BEGIN ${add} END`,
    `${trigger('update')} UPDATE OF data, deleted ON ${table}
      WHEN old.deleted <> new.deleted OR ${changes.join(' OR ')} BEGIN ${change} END`,
    `${trigger('delete')} DELETE ON ${table} BEGIN ${remove} END`,
  ];
}

function insertion(collection: string, path: string, row: string, from?: string): string {
  const texts = textsIn(path, row, from);
  return `INSERT OR IGNORE INTO ${referencesTable(collection)} SELECT ${texts.value}, ${quoteText(path)}, ${row}.born ${texts.rest}`;
}

function removal(collection: string, path: string): string {
  const { value, rest } = textsIn(path, 'old');
  return `DELETE FROM ${referencesTable(collection)}
    WHERE born = old.born AND field = ${quoteText(path)} AND target IN (SELECT ${value} ${rest})`;
}

/** Writes only the rows that differ: of a list of thousands of references, an update may change one. */
function changesOf(collection: string, path: string): string {
  const references = referencesTable(collection);
  const before = livingTextsIn(path, 'old');
  const after = livingTextsIn(path, 'new');
  return `DELETE FROM ${references} WHERE born = old.born AND field = ${quoteText(path)}
      AND target IN (${before} EXCEPT ${after});
    INSERT OR IGNORE INTO ${references}
      SELECT target, ${quoteText(path)}, new.born FROM (${after} EXCEPT ${before});`;
}

function livingTextsIn(path: string, row: 'old' | 'new'): string {
  const { value, rest } = textsIn(path, row);
  return `SELECT ${value} AS target ${rest} AND ${row}.deleted <> 1`;
}

/** A JSON value in SQL: the value, and the name of its type. */
interface SqlValue {
  readonly value: string;
  readonly type: string;
}

/**
 * The texts at a path of a row, as the expression and the rest of a `SELECT`, which ends inside of
 * its condition. What is of another type than the path says has none.
 */
function textsIn(path: string, row: string, from?: string): { value: string; rest: string } {
  const tables = from === undefined ? [] : [from];
  let found: SqlValue = { value: `${row}.data`, type: `'object'` };
  for (const [index, part] of partsOfReferencePath(path).entries()) {
    found = memberOf(found, part);
    if (!part.isList) continue;
    const { value, type } = found;
    const list = `list${index}`;
    tables.push(`json_each(CASE ${type} WHEN 'array' THEN ${value} ELSE '[]' END) AS ${list}`);
    found = { value: `${list}.value`, type: `${list}.type` };
  }
  const source = tables.length > 0 ? `FROM ${tables.join(', ')} ` : '';
  return { value: found.value, rest: `${source}WHERE ${found.type} = 'text'` };
}

function memberOf({ value, type }: SqlValue, { members }: ReferencePathPart): SqlValue {
  if (members.length === 0) return { value, type };
  const json = `CASE ${type} WHEN 'object' THEN ${value} ELSE '{}' END`;
  const at = jsonPath(members);
  return { value: `json_extract(${json}, ${at})`, type: `json_type(${json}, ${at})` };
}
