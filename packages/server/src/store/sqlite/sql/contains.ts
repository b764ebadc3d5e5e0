import { foldCase, type JsonValue } from '@really/protocol/values';
import { isExtreme, operand } from './conditions.js';
import { compositeFunction, jsonPath } from './key.js';
import { rawSql, type Sql, sql, tick } from './sql.js';

/**
 * Whether the list at a path has an element that deeply equals the value, or the text there has the
 * value in it. `undefined` where SQL cannot express it exactly.
 */
export function contains(
  path: readonly string[],
  value: JsonValue,
  ignoringCase: boolean,
): Sql | undefined {
  if (path[0] === '_rev') return rawSql('0');
  const place = rawSql(jsonPath(path));
  const inText = textTest(place, value, ignoringCase);
  const test = ignoringCase ? foldedElementTest(value) : elementTest(value);
  if (!inText || !test) return undefined;
  return sql`CASE json_type(data, ${place}) WHEN 'text' THEN ${inText} WHEN 'array' THEN (${tick} AND EXISTS (SELECT 1 FROM json_each(data, ${place}) AS element WHERE ${test})) ELSE 0 END`;
}

/** The function that searches a text for another one, exactly or ignoring case. */
export const searchFunction = 'really_search';
export const foldFunction = 'really_fold';

/**
 * A function, because SQLite's `instr` takes as long as the product of the lengths. The driver
 * replaces lone surrogates in texts by U+FFFD, so what has either cannot be searched for.
 */
function textTest(place: Sql, value: JsonValue, ignoringCase: boolean): Sql | undefined {
  if (typeof value !== 'string') return rawSql('0');
  if (/[\p{Surrogate}\ufffd]/u.test(value)) return undefined;
  const text = sql`json_extract(data, ${place})`;
  const searched = ignoringCase ? sql`${rawSql(foldFunction)}(${text})` : text;
  const search = ignoringCase ? foldCase(value) : value;
  return sql`${rawSql(searchFunction)}(${searched}, ${search})`;
}

function foldedElementTest(value: JsonValue): Sql | undefined {
  if (typeof value !== 'string') return rawSql('0');
  return sql`element.type = 'text' AND ${rawSql(foldFunction)}(element.value) = ${foldCase(value)}`;
}

function elementTest(value: JsonValue): Sql | undefined {
  switch (typeof value) {
    case 'string':
      return sql`element.type = 'text' AND element.value = ${operand(value)}`;
    case 'boolean':
      return sql`element.type = ${String(value)}`;
    case 'number':
      return isExtreme(value)
        ? undefined
        : sql`element.type IN ('integer', 'real') AND element.value = ${operand(value)}`;
    default:
      return value === null
        ? sql`element.type = 'null'`
        : sql`element.type IN ('array', 'object') AND ${rawSql(compositeFunction)}(element.value) = ${operand(value)}`;
  }
}
