import type { Database } from 'better-sqlite3';
import type { StoredFieldType } from '../collection-layout.js';
import { prefixOf, readPageSize, type Scope } from '../store-reads.js';
import type { Pos } from '../stored-object.js';
import { unpackFilter } from './sql/packed-filter.js';
import {
  type CompiledQuery,
  compileOrder,
  compileQuery,
  scopeCondition,
} from './sql/query-compiler.js';
import { QueryFunctions } from './sql/query-functions.js';
import { rawSql, type Sql, sql, tick } from './sql/sql.js';
import { Statements } from './sql/statements.js';
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

/** The end of a statement, from its table on. */
function outdatedIn(names: readonly string[], version: number): Sql {
  const table = rawSql(collectionTable(names.join('/')));
  return sql`${table} WHERE model_version < ${version} AND deleted = 0`;
}

function compiled({ filter, ...query }: ThreadQuery): CompiledQuery {
  return compileQuery({ ...query, filter: filter && unpackFilter(filter) });
}

interface CollectionRow {
  readonly id: number;
  readonly floor: Pos;
  readonly migrated: number;
}

type KeyedRow = readonly [id: string, parents: string, ...object: ObjectRow];
type CreationRow = readonly [...KeyedRow, ...change: PublishedRow];

/** Answers reads that may take long, over one connection, in JSON text: it is cheap to send. */
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
        return this.#outdated(request.names, request.version, request);
      case 'count-outdated':
        return this.#countOutdated(request.names, request.version);
      case 'mistyped':
        return this.#mistyped(request.names, request.types);
      case 'history':
        return this.#historyOf(request.r, request);
      default:
        return request satisfies never;
    }
  }

  #query(query: ThreadQuery): string {
    const { scope, order, from, limit } = query;
    if (!this.#collection(scope.names)) return '{"objects":[]}';
    const { table, condition, predicates } = compiled(query);
    this.#functions.evaluateBy(predicates, scope.names);
    const print = rPrinter(scope.names);
    const rows: string[] = [];
    let skip = query.skip ?? 0;
    let left = query.size ?? Number.POSITIVE_INFINITY;
    for (const phase of compileOrder(order, from)) {
      const before = rows.length;
      const where = sql`${table} WHERE ${condition} AND ${phase.condition}`;
      // Row by row, so that it can stop when it has enough.
      const found = this.#rows(
        sql`SELECT id, parents, ${rawSql(objectColumns)} FROM ${where}
          ORDER BY ${phase.order} LIMIT ${limit - before} OFFSET ${skip}`,
      ) as IterableIterator<KeyedRow>;
      for (const [id, parents, ...row] of found) {
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

  #count(query: ThreadQuery): string {
    if (!this.#collection(query.scope.names)) return '0';
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
    const position = this.#position();
    if (after > position) return `{"entries":[],"through":${position},"gone":true}`;
    const rows = this.#collection(scope.names) ? this.#creations(scope, after, limit) : [];
    const print = rPrinter(scope.names);
    return pageJson(rows, { limit, position }, ([id, parents, ...rest]) => {
      const r = print(parents, id);
      const object = rest.slice(0, 5) as unknown as ObjectRow;
      const change = rest.slice(5) as unknown as PublishedRow;
      return entryJson(r, change, object);
    });
  }

  /** Row by row, so that it can stop when it has enough. */
  #creations(scope: Scope, after: Pos, limit: number): IterableIterator<CreationRow> {
    const table = rawSql(collectionTable(scope.names.join('/')));
    const columns = objectColumns
      .split(', ')
      .map((column) => `object.${column}`)
      .join(', ');
    return this.#rows(
      sql`SELECT id, parents, ${rawSql(columns)}, ${rawSql(publishedColumns)}
        FROM ${table} AS object CROSS JOIN changes ON changes.pos = object.born
        WHERE ${tick} AND object.deleted = 0 AND object.born > ${after} AND ${scopeCondition(scope)}
        ORDER BY object.born LIMIT ${limit}`,
    ) as IterableIterator<CreationRow>;
  }

  /** Follows the log of all changes: the cost is that of all changes since, in any collection. */
  #changes(scope: Scope, after: Pos, limit: number): string {
    const position = this.#position();
    const known = this.#collection(scope.names);
    if (after > position || after < (known?.floor ?? 0)) {
      return `{"entries":[],"through":${position},"gone":true}`;
    }
    if (!known) return `{"entries":[],"through":${position},"gone":false}`;
    const prefix = prefixOf(scope);
    // Row by row, so that it can stop when it has enough, and `tick` looks at the time in between.
    const rows = this.#rows(
      sql`SELECT changes.r, ${rawSql(publishedColumns)} FROM changes
        WHERE ${tick} AND pos > ${after} AND collection = ${known.id}
          AND substr(changes.r, 1, ${prefix.length}) = ${prefix}
        ORDER BY pos LIMIT ${limit}`,
    ) as IterableIterator<[string, ...PublishedRow]>;
    return pageJson(rows, { limit, position }, ([r, ...change]) => {
      return entryJson(r, change, this.#objectSince(r, change[0]));
    });
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
  #outdated(
    names: readonly string[],
    version: number,
    { after, limit }: { readonly after: Pos; readonly limit: number },
  ): string {
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

  #countOutdated(names: readonly string[], version: number): string {
    if (this.#isMigrated(names, version)) return '0';
    return String(this.#countWhere(outdatedIn(names, version)));
  }

  /** The condition must be identical to that of its index. */
  #mistyped(names: readonly string[], types: readonly StoredFieldType[]): string {
    if (!this.#collection(names)) return 'false';
    const table = rawSql(collectionTable(names.join('/')));
    const condition = rawSql(mistypedCondition(types));
    return String(this.#run(sql`SELECT 1 FROM ${table} WHERE ${condition} LIMIT 1`).length > 0);
  }

  /** True also where the collection does not exist. */
  #isMigrated(names: readonly string[], version: number): boolean {
    return (this.#collection(names)?.migrated ?? version) >= version;
  }

  /** `undefined` where it was never prepared or written. */
  #collection(names: readonly string[]): CollectionRow | undefined {
    const [row] = this.#run(
      sql`SELECT id, floor, migrated FROM collections WHERE name = ${names.join('/')}`,
    ) as [number, Pos, number][];
    if (!row) return undefined;
    const [id, floor, migrated] = row;
    return { id, floor, migrated };
  }

  #position(): Pos {
    const [[position] = [0]] = this.#run(sql`SELECT position FROM meta`) as [Pos][];
    return position;
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
