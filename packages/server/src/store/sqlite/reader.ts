import type { Database } from 'better-sqlite3';
import type { StoredFieldType } from '../collection-layout.js';
import { readPageSize, type Scope } from '../store-reads.js';
import type { Pos } from '../stored-object.js';
import { unpackFilter } from './sql/packed-filter.js';
import {
  type CompiledQuery,
  compileOrder,
  compileQuery,
  type Phase,
  scopeCondition,
} from './sql/query-compiler.js';
import { QueryFunctions } from './sql/query-functions.js';
import { rawSql, type Sql, sql } from './sql/sql.js';
import { Statements } from './sql/statements.js';
import { tick } from './sql/tick.js';
import { HistoryReader } from './tables/history-reader.js';
import { locate, rPrinter } from './tables/location.js';
import {
  type ObjectRow,
  objectColumns,
  objectJson,
  type PublishedRow,
  publishedColumns,
  publishedJson,
} from './tables/rows.js';
import { collectionTable, mistypedCondition } from './tables/schema.js';
import type { ReaderRequest, ThreadQuery } from './threads/messages.js';
import { Transactions } from './transactions.js';

/** As `scopeCondition`, for rows that have only the R, which begins with the named parents. */
function scopeOfR({ names, parents }: Scope): Sql {
  const wild = parents.indexOf('*');
  const named = wild < 0 ? parents : parents.slice(0, wild);
  const prefix = `${named.map((id, index) => `/${names[index]}/${id}`).join('')}/`;
  return sql`substr(changes.r, 1, ${prefix.length}) = ${prefix}`;
}

/** The end of a statement, from its table on. */
function outdatedIn(names: readonly string[], version: number): Sql {
  const table = rawSql(collectionTable(names.join('/')));
  return sql`${table} WHERE model_version < ${version} AND deleted = 0`;
}

function compiled({ filter, ...query }: ThreadQuery): CompiledQuery {
  return compileQuery({ ...query, filter: filter && unpackFilter(filter) });
}

type KeyedRow = readonly [id: string, parents: string, ...object: ObjectRow];
type CreationRow = readonly [...KeyedRow, ...change: PublishedRow];

/**
 * Answers reads that may take long, over one connection. Results are JSON text, which is cheap to
 * send.
 */
export class Reader {
  readonly #functions: QueryFunctions;
  readonly #history: HistoryReader;
  readonly #transactions: Transactions;
  readonly #statements: Statements;

  /** `waiting`: one element, the number of waiting reads that others yield to. */
  constructor(db: Database, waiting: Int32Array) {
    this.#statements = new Statements(db, 100);
    this.#functions = new QueryFunctions(db, waiting);
    this.#history = new HistoryReader(db);
    this.#transactions = new Transactions(db);
  }

  /** Throws `QueryTimeout` or `GaveWay`. */
  answer(request: ReaderRequest): string {
    return this.#transactions.read(() => this.#read(request));
  }

  #read(request: ReaderRequest): string {
    this.#functions.begin(request);
    switch (request.kind) {
      case 'query':
        return this.#query(request.query);
      case 'count':
        return this.#count(request.query);
      case 'created':
        return this.#created(request.scope, request.after, request.limit);
      case 'changes':
        return this.#changes(request.scope, request.after, request.limit);
      case 'outdated':
        return this.#outdated(request);
      case 'count-outdated':
        return this.#countOutdated(request);
      case 'mistyped':
        return this.#mistyped(request.names, request.types);
      case 'history':
        return this.#historyOf(request.r, request);
      default:
        return request satisfies never;
    }
  }

  #query(query: ThreadQuery): string {
    if (!this.#exists(query.scope)) return '{"objects":[]}';
    const { scope, order, from, limit } = query;
    const { table, condition, predicates } = compiled(query);
    this.#functions.evaluateBy(predicates, scope.names);
    const print = rPrinter(scope.names);
    const rows: string[] = [];
    let skip = query.skip ?? 0;
    let left = query.size ?? Number.POSITIVE_INFINITY;
    for (const phase of compileOrder(order, from)) {
      const before = rows.length;
      const where = sql`${table} WHERE ${condition} AND ${phase.condition}`;
      for (const [id, parents, ...row] of this.#page(where, phase, limit - before, skip)) {
        const json = objectJson(print(parents, id), row);
        left -= json.length;
        rows.push(json);
        if (left <= 0) return `{"objects":[${rows.join()}],"isCut":true}`;
      }
      if (rows.length >= limit) break;
      if (skip > 0) skip = rows.length > before ? 0 : skip - this.#countWhere(where);
    }
    return `{"objects":[${rows.join()}]}`;
  }

  /** Row by row, so that it can stop when it has enough. */
  #page(where: Sql, { order }: Phase, limit: number, skip: number): IterableIterator<KeyedRow> {
    return this.#rows(
      sql`SELECT id, parents, ${rawSql(objectColumns)} FROM ${where} ORDER BY ${order} LIMIT ${limit} OFFSET ${skip}`,
    ) as IterableIterator<KeyedRow>;
  }

  #count(query: ThreadQuery): string {
    if (!this.#exists(query.scope)) return '0';
    const { table, condition, predicates } = compiled(query);
    this.#functions.evaluateBy(predicates, query.scope.names);
    return String(this.#countWhere(sql`${table} WHERE ${condition}`));
  }

  #countWhere(where: Sql): number {
    const [row] = this.#run(sql`SELECT count(*) FROM ${where}`) as [number][];
    return row?.[0] ?? 0;
  }

  /** Follows the positions of the creations of living objects. */
  #created(scope: Scope, after: Pos, limit: number): string {
    const [[position] = [0]] = this.#run(sql`SELECT position FROM meta`) as [Pos][];
    if (after > position) return `{"entries":[],"through":${position},"gone":true}`;
    const rows = this.#exists(scope) ? this.#creations(scope, after, limit) : [];
    const print = rPrinter(scope.names);
    return pageJson(rows, { limit, position }, ([id, parents, ...rest]) => {
      const r = print(parents, id);
      const object = rest.slice(0, 5) as unknown as ObjectRow;
      const change = rest.slice(5) as unknown as PublishedRow;
      return entryJson(r, change, object);
    });
  }

  /** Row by row, as `#page`. */
  #creations(scope: Scope, after: Pos, limit: number): IterableIterator<CreationRow> {
    const table = rawSql(collectionTable(scope.names.join('/')));
    const columns = objectColumns
      .split(', ')
      .map((column) => `object.${column}`)
      .join(', ');
    const { text, values } =
      sql`SELECT id, parents, ${rawSql(columns)}, ${rawSql(publishedColumns('changes'))}
        FROM ${table} AS object CROSS JOIN changes ON changes.pos = object.born
        WHERE ${tick} AND object.deleted = 0 AND object.born > ${after} AND ${scopeCondition(scope)}
        ORDER BY object.born LIMIT ${limit}`;
    return this.#statements.get(text).iterate(...values) as IterableIterator<CreationRow>;
  }

  /** Follows the log of all changes: the cost is that of all changes since, in any collection. */
  #changes(scope: Scope, after: Pos, limit: number): string {
    const [[position] = [0]] = this.#run(sql`SELECT position FROM meta`) as [Pos][];
    const [known] = this.#run(
      sql`SELECT id, floor FROM collections WHERE name = ${scope.names.join('/')}`,
    ) as [number, Pos][];
    const [collection = 0, floor = 0] = known ?? [];
    if (after > position || after < floor)
      return `{"entries":[],"through":${position},"gone":true}`;
    const rows = known ? this.#logged(collection, scope, after, limit) : [];
    return pageJson(rows, { limit, position }, ([r, ...change]) => {
      return entryJson(r, change, this.#objectSince(r, change[0]));
    });
  }

  /** Row by row, so that it can stop when it has enough, and `tick` looks at the time in between. */
  #logged(
    collection: number,
    scope: Scope,
    after: Pos,
    limit: number,
  ): IterableIterator<readonly [r: string, ...change: PublishedRow]> {
    return this.#rows(
      sql`SELECT changes.r, ${rawSql(publishedColumns('changes'))} FROM changes
        WHERE ${tick} AND pos > ${after} AND collection = ${collection} AND ${scopeOfR(scope)}
        ORDER BY pos LIMIT ${limit}`,
    ) as IterableIterator<[string, ...PublishedRow]>;
  }

  /** The object as its change at this position left it; `undefined` if it changed again. */
  #objectSince(r: string, pos: Pos): ObjectRow | undefined {
    const { collection, parents, id } = locate(r);
    const table = rawSql(collectionTable(collection));
    const [row] = this.#run(
      sql`SELECT ${rawSql(objectColumns)} FROM ${table}
        WHERE id = ${id} AND parents = ${parents} AND last = ${pos}`,
    ) as ObjectRow[];
    return row;
  }

  #historyOf(r: string, span: { after: number; limit: number }): string {
    const head = this.#history.head(r);
    if (!head) return '{"entries":[]}';
    const entries = this.#history
      .entries(head, span, this.#functions.tick)
      .map((row) => publishedJson(r, row));
    return `{"object":${objectJson(r, head.row)},"entries":[${entries.join()}]}`;
  }

  /** Follows the table, which is in the order of creation. */
  #outdated({
    names,
    version,
    after,
    limit,
  }: Extract<ReaderRequest, { kind: 'outdated' }>): string {
    if (this.#isMigrated(names, version)) return '{"objects":[]}';
    const rows = this.#run(
      sql`SELECT born, id, parents, ${rawSql(objectColumns)} FROM ${outdatedIn(names, version)}
        AND born > ${after} ORDER BY born LIMIT ${limit}`,
    ) as [Pos, string, string, ...ObjectRow][];
    const print = rPrinter(names);
    const objects = rows.map(([, id, parents, ...row]) => objectJson(print(parents, id), row));
    const next = rows.length < limit ? '' : `,"next":${rows.at(-1)?.[0]}`;
    return `{"objects":[${objects.join()}]${next}}`;
  }

  #countOutdated({ names, version }: Extract<ReaderRequest, { kind: 'count-outdated' }>): string {
    if (this.#isMigrated(names, version)) return '0';
    const [row] = this.#run(sql`SELECT count(*) FROM ${outdatedIn(names, version)}`) as [number][];
    return String(row?.[0] ?? 0);
  }

  /** The condition must be identical to that of its index. */
  #mistyped(names: readonly string[], types: readonly StoredFieldType[]): string {
    if (!this.#exists({ names })) return 'false';
    const table = rawSql(collectionTable(names.join('/')));
    const condition = rawSql(mistypedCondition(types));
    return String(this.#run(sql`SELECT 1 FROM ${table} WHERE ${condition} LIMIT 1`).length > 0);
  }

  /** True also where the collection does not exist. */
  #isMigrated(names: readonly string[], version: number): boolean {
    const [[migrated] = [version]] = this.#run(
      sql`SELECT migrated FROM collections WHERE name = ${names.join('/')}`,
    ) as [number][];
    return migrated >= version;
  }

  #exists({ names }: Pick<Scope, 'names'>): boolean {
    return this.#run(sql`SELECT 1 FROM collections WHERE name = ${names.join('/')}`).length > 0;
  }

  #rows({ text, values }: Sql): IterableIterator<unknown> {
    return this.#statements.get(text).iterate(...values);
  }

  #run({ text, values }: Sql): unknown[] {
    return this.#statements.get(text).all(...values);
  }
}

interface PageEntry {
  readonly pos: Pos;
  readonly json: string;
}

function entryJson(r: string, change: PublishedRow, object: ObjectRow | undefined): PageEntry {
  const [pos] = change;
  const last = object ? `,"object":${objectJson(r, object)}` : '';
  return { pos, json: `{"pos":${pos},"change":${publishedJson(r, change)}${last}}` };
}

/** A page of the log, which ends at the limit or at `readPageSize`. `position`: of the whole store. */
function pageJson<Row>(
  rows: Iterable<Row>,
  { limit, position }: { readonly limit: number; readonly position: Pos },
  entryOf: (row: Row) => PageEntry,
): string {
  const entries: string[] = [];
  let left = readPageSize;
  for (const row of rows) {
    const { pos, json } = entryOf(row);
    entries.push(json);
    left -= json.length;
    if (entries.length < limit && left > 0) continue;
    return `{"entries":[${entries.join()}],"through":${pos},"gone":false,"more":true}`;
  }
  return `{"entries":[${entries.join()}],"through":${position},"gone":false}`;
}
