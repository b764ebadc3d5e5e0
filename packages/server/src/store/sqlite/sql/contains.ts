import type { JsonValue } from '@really/protocol';
import { isExtreme, operand } from './conditions.js';
import { compositeFunction, jsonPath } from './key.js';
import { rawSql, type Sql, sql } from './sql.js';
import { tick } from './tick.js';

/**
 * Whether the list at a path has an element that deeply equals the value. `undefined` where SQL
 * cannot express it exactly.
 */
export function contains(path: readonly string[], value: JsonValue): Sql | undefined {
  if (path[0] === '_rev') return rawSql('0');
  const test = elementTest(value);
  if (!test) return undefined;
  const place = rawSql(jsonPath(path));
  return sql`(json_type(data, ${place}) = 'array' AND ${tick} AND EXISTS (SELECT 1 FROM json_each(data, ${place}) AS element WHERE ${test}))`;
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
