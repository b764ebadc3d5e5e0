import type { JsonValue, RqlExpression } from '@really/protocol';
import type { Order, Query, Scope, SortPosition } from '../../store.js';
import { locate } from '../tables/location.js';
import { collectionTable } from '../tables/schema.js';
import { operand } from './conditions.js';
import { compileFilter } from './filter-compiler.js';
import { keyExpression } from './key.js';
import { rawSql, type Sql, sql } from './sql.js';
import { tick } from './tick.js';

/** The part of a query that does not depend on the page: which objects. */
export interface CompiledQuery {
  readonly table: Sql;
  readonly condition: Sql;
  readonly predicates: readonly RqlExpression[];
}

/**
 * One part of an order. Missing values sort last in either direction, which is not where SQL puts
 * NULL: so objects with a value and those without are queried one after the other, and both queries
 * can use an index.
 */
export interface Phase {
  readonly condition: Sql;
  readonly order: Sql;
}

export function compileQuery(
  query: Pick<Query, 'scope' | 'filter' | 'modelVersion'>,
): CompiledQuery {
  const { scope, filter, modelVersion } = query;
  const compiled = filter && compileFilter(filter, scope.names);
  const conditions = [tick, rawSql('deleted = 0'), scopeCondition(scope)];
  if (modelVersion !== undefined) conditions.push(sql`model_version >= ${modelVersion}`);
  if (compiled) conditions.push(compiled.condition);
  return {
    table: rawSql(collectionTable(scope.names.join('/'))),
    condition: allOf(conditions),
    predicates: compiled?.predicates ?? [],
  };
}

/** The phases of an order that are left after a position. */
export function compileOrder(order: Order, from: SortPosition | undefined): readonly Phase[] {
  const way: SortDirection = order.descending ? descending : ascending;
  const byId = rawSql(`id ${way.order}, parents ${way.order}`);
  const place = from && locate(from.r);
  const afterId = place
    ? sql`(id, parents) ${way.after} (${place.id}, ${place.parents})`
    : rawSql('1');
  if (order.field === '_r') return [{ condition: afterId, order: byId }];
  const key = rawSql(order.field === '_rev' ? 'rev' : keyExpression(order.field.split('.')));
  const present: Phase = {
    condition: presentAfter(key, from, way),
    order: sql`${key} ${rawSql(way.order)}, ${byId}`,
  };
  const isPastPresent = from !== undefined && isMissing(from.value);
  const missing: Phase = {
    condition: isPastPresent ? sql`${key} IS NULL AND ${afterId}` : sql`${key} IS NULL`,
    order: byId,
  };
  return isPastPresent ? [missing] : [present, missing];
}

interface SortDirection {
  readonly order: 'ASC' | 'DESC';
  readonly after: Sql;
  readonly notBefore: Sql;
}

const ascending: SortDirection = { order: 'ASC', after: rawSql('>'), notBefore: rawSql('>=') };
const descending: SortDirection = { order: 'DESC', after: rawSql('<'), notBefore: rawSql('<=') };

function presentAfter(key: Sql, from: SortPosition | undefined, way: SortDirection): Sql {
  if (!from || isMissing(from.value)) return sql`${key} IS NOT NULL`;
  const value = operand(from.value);
  const { id, parents } = locate(from.r);
  // The first term follows from the second, but an index can start at it.
  return sql`${key} ${way.notBefore} ${value} AND (${key}, id, parents) ${way.after} (${value}, ${id}, ${parents})`;
}

function isMissing(value: JsonValue | undefined): value is null | undefined {
  return value === undefined || value === null;
}

/** Parents are named from the left, so the named ones are a prefix of the column. */
export function scopeCondition({ parents }: Scope): Sql {
  const wild = parents.indexOf('*');
  const named = wild < 0 ? parents : parents.slice(0, wild);
  if (named.length === 0) return rawSql('1');
  const prefix = named.join('/');
  if (wild < 0) return sql`parents = ${`${prefix}/`}`;
  // '0' is the character after '/'.
  return sql`parents > ${`${prefix}/`} AND parents < ${`${prefix}0`}`;
}

/** Plain `AND`s, in this order: the tick must be first. */
function allOf(conditions: readonly Sql[]): Sql {
  return conditions.reduce((all, condition) => sql`${all} AND ${condition}`);
}
