import type { Comparison, JsonValue, RqlExpression } from '@really/protocol';
import { locate, rPrinter } from '../tables/location.js';
import { between, isAnyOf, isEqual, isOrdered, startsWith } from './conditions.js';
import { contains } from './contains.js';
import { hasNul, keyExpression } from './key.js';
import { joinSql, rawSql, type Sql, sql, tick } from './sql.js';

/** The function that evaluates a filter that SQL cannot express. */
export const matchFunction = 'really_matches';

export interface CompiledFilter {
  readonly condition: Sql;
  /** Evaluated in JavaScript: the first argument of `matchFunction` is the index here. */
  readonly predicates: readonly RqlExpression[];
}

/**
 * Compiles a filter into a condition that is true where `compilePredicate` of the protocol package
 * says true, and false or NULL elsewhere. Negations are pushed down to the comparisons, where `IS
 * NOT TRUE` removes SQL's third value.
 */
export function compileFilter(filter: RqlExpression, names: readonly string[]): CompiledFilter {
  const predicates: RqlExpression[] = [];
  const inJavaScript = (expression: RqlExpression) => {
    const index = predicates.push(expression) - 1;
    return rawSql(`${matchFunction}(${index}, id, parents, rev, data)`);
  };
  const context: Context = { collection: names.join('/'), print: rPrinter(names), inJavaScript };
  return { condition: compile(filter, false, context), predicates };
}

interface Context {
  readonly collection: string;
  readonly print: (parents: string, id: string) => string;
  readonly inJavaScript: (expression: RqlExpression) => Sql;
}

function compile(filter: RqlExpression, negated: boolean, context: Context): Sql {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const parts = flatten(filter, filter.kind).map((part) => compile(part, negated, context));
      return joinSql(parts.map(withTick), (filter.kind === 'and') === negated ? 'OR' : 'AND');
    }
    case 'not':
      return compile(filter.operand, !negated, context);
    case 'comparison': {
      const isUnequal = filter.operator === '!=';
      const condition = compare(isUnequal ? { ...filter, operator: '=' } : filter, context);
      return isUnequal === negated ? condition : sql`(${condition}) IS NOT TRUE`;
    }
    default:
      return filter satisfies never;
  }
}

/** Parts of a chain between two checks of the time: each may compare as much as an object holds. */
const partsPerTick = 16;

function withTick(part: Sql, index: number): Sql {
  return index > 0 && index % partsPerTick === 0 ? sql`(${tick} AND ${part})` : part;
}

/** The operands of a chain of one operator. */
function flatten(filter: RqlExpression, kind: 'and' | 'or'): RqlExpression[] {
  const parts: RqlExpression[] = [];
  const waiting: RqlExpression[] = [filter];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (next.kind === kind) waiting.push(next.right, next.left);
    else parts.push(next);
  }
  return parts;
}

function compare(comparison: Comparison<JsonValue>, context: Context): Sql {
  const { field, operator, value } = comparison;
  const [first] = field;
  if (first === '_r' && field.length === 1) {
    // An R is not a column but can be split, so that searching for one uses the primary key.
    if (operator === '=') return isOneOf([value], context);
    if (operator === 'in' && Array.isArray(value)) return isOneOf(value, context);
  }
  if (first === '_r' || hasNul(field)) return context.inJavaScript(comparison);
  const condition =
    operator === 'contains' || operator === 'contains ignoring case'
      ? contains(field, value, operator === 'contains ignoring case')
      : compareKey(keyColumn(field), comparison);
  return condition ?? context.inJavaScript(comparison);
}

/** The plus removes the column's affinity, which would turn the text '5' into the number 5. */
function keyColumn(field: readonly string[]): Sql {
  if (field[0] !== '_rev') return rawSql(keyExpression(field));
  return rawSql(field.length === 1 ? '+rev' : 'NULL');
}

/** `undefined` where SQL cannot express it exactly. */
function compareKey(key: Sql, { operator, value }: Comparison<JsonValue>): Sql | undefined {
  switch (operator) {
    case '=':
      return isEqual(key, value);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isOrdered(key, operator, value);
    case 'between':
      return between(key, value);
    case 'in':
      return isAnyOf(key, value);
    case 'starts with':
      return startsWith(key, value);
    default:
      return undefined;
  }
}

function isOneOf(values: readonly JsonValue[], { collection, print }: Context): Sql {
  const keys: [string, string][] = [];
  for (const value of values) {
    if (typeof value !== 'string') continue;
    const place = locate(value);
    const { id, parents } = place;
    if (place.collection === collection && print(parents, id) === value) keys.push([id, parents]);
  }
  const [only] = keys;
  if (keys.length === 1 && only) return sql`(id = ${only[0]} AND parents = ${only[1]})`;
  return sql`(id, parents) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(${JSON.stringify(keys)}))`;
}
