import {
  idsDescend,
  type JsonValue,
  type RqlExpression,
  type SortKey,
  type SortPosition,
  valueKeys,
} from '@really/protocol/values';
import { namedParents, type Order, type Query, type Scope } from '../../store-reads.js';
import { type Location, locate, parentsBelow } from '../tables/location.js';
import { collectionTable } from '../tables/schema.js';
import { operand } from './conditions.js';
import { compileFilter } from './filter-compiler.js';
import { keyExpression } from './key.js';
import { rawSql, type Sql, sql, tick } from './sql.js';

/** The part of a query that does not depend on the page: which objects. */
export interface CompiledQuery {
  readonly table: Sql;
  readonly condition: Sql;
  readonly predicates: readonly RqlExpression[];
}

/**
 * One part of an order. Missing values sort last in either direction, which is not where SQL puts
 * NULL: so objects with a value of the first key and those without are queried one after the other,
 * and both queries can use an index.
 */
export interface Phase {
  readonly condition: Sql;
  readonly order: Sql;
}

export function compileQuery(
  query: Pick<Query, 'scope' | 'filter' | 'modelVersion' | 'id' | 'below'>,
): CompiledQuery {
  const { scope, filter, modelVersion, id, below } = query;
  const compiled = filter && compileFilter(filter, scope.names);
  const conditions = [tick, rawSql('deleted = 0'), scopeCondition(scope)];
  if (id !== undefined) conditions.push(sql`id = ${id}`);
  if (below !== undefined) conditions.push(belowCondition(below));
  if (modelVersion !== undefined) conditions.push(sql`model_version >= ${modelVersion}`);
  if (compiled) conditions.push(compiled.condition);
  return {
    table: rawSql(collectionTable(scope.names.join('/'))),
    // Plain `AND`s, in this order: the tick must be first.
    condition: conditions.reduce((all, condition) => sql`${all} AND ${condition}`),
    predicates: compiled?.predicates ?? [],
  };
}

/** The phases of an order that are left after a position. */
export function compileOrder(order: Order, from: SortPosition | undefined): readonly Phase[] {
  const { keys, reversed = false } = order;
  const ids = directionOf(idsDescend(keys), reversed);
  const byId = rawSql(`id ${ids.order}, parents ${ids.order}`);
  const [first, ...others] = valueKeys(keys).map((key, index): KeyTerm => {
    const direction = directionOf(key.descending, reversed);
    return { key: columnOf(key), direction, reversed, from: from && operandOf(from.values[index]) };
  });
  const rest = others.map(orderTerm).reduceRight((all, term) => sql`${term}, ${all}`, byId);
  const place = from && locate(from.r);
  const afterId = place
    ? sql`(id, parents) ${ids.after} (${place.id}, ${place.parents})`
    : rawSql('1');
  if (first === undefined) return [{ condition: afterId, order: byId }];
  const afterRest = others.reduceRight((after, term) => afterTerm(term, after), afterId);
  // With one direction alone, a row value says it.
  const isRow = others.length === 0 && ids === first.direction;
  const after = isRow && place ? rowAfter(first, place) : afterTerm(first, afterRest);
  const present: Phase = {
    condition: presentAfter(first, after),
    order: sql`${first.key} ${rawSql(first.direction.order)}, ${rest}`,
  };
  const isMissing = sql`${first.key} IS NULL`;
  const isFromMissing = from !== undefined && first.from === undefined;
  const missing: Phase = {
    condition: isFromMissing ? sql`${isMissing} AND ${afterRest}` : isMissing,
    order: rest,
  };
  if (reversed) return from === undefined || isFromMissing ? [missing, present] : [present];
  return isFromMissing ? [missing] : [present, missing];
}
/** A sort key in SQL. */
interface KeyTerm {
  readonly key: Sql;
  readonly direction: SortDirection;
  /** Missing values come first. */
  readonly reversed: boolean;
  /** The value at the position after which the page begins; `undefined`: missing, or no position. */
  readonly from: Sql | undefined;
}

interface SortDirection {
  readonly order: 'ASC' | 'DESC';
  readonly after: Sql;
  readonly notBefore: Sql;
}

const ascending: SortDirection = { order: 'ASC', after: rawSql('>'), notBefore: rawSql('>=') };
const descending: SortDirection = { order: 'DESC', after: rawSql('<'), notBefore: rawSql('<=') };

function directionOf(isDescending: boolean, reversed: boolean): SortDirection {
  return isDescending === reversed ? ascending : descending;
}

function columnOf({ field }: SortKey): Sql {
  return rawSql(field === '_rev' ? 'rev' : keyExpression(field.split('.')));
}

/** SQL's own place of NULL is left unsaid, so that an index is used where it can be. */
function orderTerm({ key, direction: { order }, reversed }: KeyTerm): Sql {
  if (reversed === (order === 'ASC')) return sql`${key} ${rawSql(order)}`;
  return sql`${key} ${rawSql(`${order} NULLS ${reversed ? 'FIRST' : 'LAST'}`)}`;
}

/** True for what comes after the position; `after`: the same for the keys that follow. */
function afterTerm({ key, direction, reversed, from }: KeyTerm, after: Sql): Sql {
  if (from === undefined) {
    return reversed ? sql`(${key} IS NOT NULL OR ${after})` : sql`(${key} IS NULL AND ${after})`;
  }
  const later = sql`${key} ${direction.after} ${from} OR (${key} = ${from} AND ${after})`;
  return reversed ? sql`(${later})` : sql`(${key} IS NULL OR ${later})`;
}

function rowAfter({ key, direction, from }: KeyTerm, { id, parents }: Location): Sql {
  return sql`(${key}, id, parents) ${direction.after} (${from ?? null}, ${id}, ${parents})`;
}

function presentAfter({ key, direction, from }: KeyTerm, after: Sql): Sql {
  if (from === undefined) return sql`${key} IS NOT NULL`;
  // The first term follows from the second, but an index can start at it.
  return sql`${key} ${direction.notBefore} ${from} AND ${after}`;
}

function operandOf(value: JsonValue | undefined): Sql | undefined {
  return value === undefined || value === null ? undefined : operand(value);
}

/** Parents are named from the left, so the named ones are a prefix of the column. */
export function scopeCondition(scope: Scope): Sql {
  const named = namedParents(scope);
  if (named.length === 0) return rawSql('1');
  const prefix = named.join('/');
  if (named.length === scope.parents.length) return sql`parents = ${`${prefix}/`}`;
  // '0' is the character after '/'.
  return sql`parents > ${`${prefix}/`} AND parents < ${`${prefix}0`}`;
}

/** One parent alone leaves the ids below it in their order. */
function belowCondition(rs: readonly string[]): Sql {
  const parents = rs.map((r) => parentsBelow(locate(r)));
  const [only] = parents;
  if (only !== undefined && parents.length === 1) return sql`parents = ${only}`;
  return sql`parents IN (SELECT value FROM json_each(${JSON.stringify(parents)}))`;
}
