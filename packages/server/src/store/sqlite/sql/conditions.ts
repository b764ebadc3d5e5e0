import type { JsonValue } from '@really/protocol';
import { keyOf } from './key.js';
import { joinSql, rawSql, type Sql, sql } from './sql.js';

const never = rawSql('0');
/** The least number, the least text, and the first value beyond all texts. */
const leastNumber = rawSql('-9e999');
const leastText = rawSql("''");
const beyondText = rawSql("x''");

export function isEqual(key: Sql, value: JsonValue): Sql {
  if (value === null) return sql`${key} IS NULL`;
  return sql`${key} = ${operand(value)}`;
}

/**
 * Numbers compare with numbers and texts with texts, so each range is limited to its type. Both
 * ends are stated even where one would do, so that SQLite uses the index rather than the order of
 * ids.
 */
export function isOrdered(key: Sql, operator: '<' | '<=' | '>' | '>=', value: JsonValue): Sql {
  if (typeof value !== 'number' && typeof value !== 'string') return never;
  const condition = sql`${key} ${rawSql(operator)} ${operand(value)}`;
  const isNumber = typeof value === 'number';
  return operator.startsWith('<')
    ? sql`(${condition} AND ${key} >= ${isNumber ? leastNumber : leastText})`
    : sql`(${condition} AND ${key} < ${isNumber ? leastText : beyondText})`;
}

export function between(key: Sql, value: JsonValue): Sql {
  const [low, high] = Array.isArray(value) ? value : [];
  const isPair = typeof low === typeof high && (typeof low === 'number' || typeof low === 'string');
  if (!isPair || low === undefined || high === undefined) return never;
  return sql`(${key} >= ${operand(low)} AND ${key} <= ${operand(high)})`;
}

/** Whatever can be one JSON list is, so that the statement is the same for lists of any length. */
export function isAnyOf(key: Sql, value: JsonValue): Sql | undefined {
  if (!Array.isArray(value)) return never;
  const { listed, others } = partsOf(value);
  if (others.length > 100) return undefined;
  const conditions = others.map((element) => isEqual(key, element));
  if (listed !== undefined) {
    conditions.push(sql`${key} IN (SELECT value FROM json_each(${listed}))`);
  }
  return joinSql(conditions, 'OR');
}

interface ListParts {
  /** As one JSON list. */
  readonly listed: string | undefined;
  readonly others: readonly JsonValue[];
}

/** A filter may use the same list many times. */
const parts = new WeakMap<readonly JsonValue[], ListParts>();

function partsOf(list: readonly JsonValue[]): ListParts {
  const known = parts.get(list);
  if (known) return known;
  const listed = list.filter(isExactInJson);
  const others = list.filter((element) => !isExactInJson(element));
  const made = { listed: listed.length > 0 ? JSON.stringify(listed) : undefined, others };
  parts.set(list, made);
  return made;
}

function isExactInJson(value: JsonValue): boolean {
  if (typeof value === 'number') return !isExtreme(value);
  return typeof value === 'string';
}

/** SQLite parses numbers with an exponent with an error of up to an ulp. */
export function isExtreme(value: number): boolean {
  return !Number.isFinite(value) || String(value).includes('e');
}

export function startsWith(key: Sql, value: JsonValue): Sql | undefined {
  if (typeof value !== 'string') return never;
  // A lone lead surrogate is a prefix of every pair it begins in UTF-16, but not in UTF-8.
  if (/[\ud800-\udbff]$/.test(value)) return undefined;
  const end = firstTextBeyond(value);
  return sql`(${key} >= ${operand(value)} AND ${key} < ${end === undefined ? beyondText : operand(end)})`;
}

/** The least text greater than every text with this prefix; `undefined` where there is none. */
function firstTextBeyond(prefix: string): string | undefined {
  // Works on code units without an array: a text may have a million.
  let end = prefix.length;
  while (prefix.codePointAt(end - 2) === 0x10ffff) end -= 2;
  if (end === 0) return undefined;
  const pair = prefix.codePointAt(end - 2) ?? 0;
  const start = pair > 0xffff ? end - 2 : end - 1;
  return prefix.slice(0, start) + String.fromCodePoint((prefix.codePointAt(start) ?? 0) + 1);
}

/** As it compares with keys. The driver would replace lone surrogates; JSON functions keep them. */
export function operand(value: JsonValue): Sql {
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) {
    return sql`json_extract(${JSON.stringify(value)}, '$')`;
  }
  const key = keyOf(value);
  return sql`${key}`;
}
