import { canonicalText, isJsonObject, type JsonValue, ownMember } from '@really/protocol/values';
import type { Database } from 'better-sqlite3';
import { quoteText } from './sql.js';

/**
 * The key of a JSON value, used by indexes, comparisons and sorts. SQLite sorts numbers before text
 * before blobs, and values of different types are never equal, so this is the order and the
 * equality of the protocol package: false and true are the blobs 00 and 01, a list or an object is
 * 02 and its canonical text, and a missing value is NULL.
 */
export function keyOf(value: JsonValue): number | bigint | string | Buffer | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number') return numberKey(value);
  if (typeof value === 'boolean') return Buffer.of(Number(value));
  return compositeKey(canonicalText(value));
}

/**
 * JSON has the shortest digits that identify a double. Between 2^53 and 2^63 SQLite parses them as
 * an integer, which is not the double's exact value: the operand must be that integer.
 */
function numberKey(value: number): number | bigint {
  if (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) >= 2 ** 63) {
    return value;
  }
  return BigInt(String(value));
}

function compositeKey(canonical: string): Buffer {
  return Buffer.from(`\u0002${canonical}`);
}

/** The key of the value at a path. SQLite uses an index only where this very expression occurs. */
export function keyExpression(path: readonly string[]): string {
  if (hasNul(path)) {
    const key = `${keyFunction}(data, ${quoteText(JSON.stringify(path))})`;
    return `CASE typeof(${key}) WHEN 'text' THEN json_extract(${key}, '$') ELSE ${key} END`;
  }
  const place = jsonPath(path);
  const value = `json_extract(data, ${place})`;
  return (
    `CASE json_type(data, ${place})` +
    ` WHEN 'array' THEN ${compositeFunction}(${value}) WHEN 'object' THEN ${compositeFunction}(${value})` +
    ` WHEN 'true' THEN x'01' WHEN 'false' THEN x'00'` +
    ` WHEN 'real' THEN CASE WHEN abs(${value}) BETWEEN 1e-6 AND 1e21 THEN ${value}` +
    ` ELSE ${numberFunction}(data -> ${place}) END` +
    ` ELSE ${value} END`
  );
}

/** A JSON path as a literal; dots, quotes and brackets in a name are part of it. */
export function jsonPath(path: readonly string[]): string {
  return quoteText(`$${path.map((step) => `.${JSON.stringify(step)}`).join('')}`);
}

/** SQLite compares member names only up to U+0000. */
export function hasNul(path: readonly string[]): boolean {
  return path.some((step) => step.includes('\0'));
}

/** Key of a list or an object, given as JSON. */
export const compositeFunction = 'really_composite';

/** Shorter texts are parsed again as fast as they are looked up. */
const longText = 1024;

/** A number given as JSON. SQLite is an ulp off for very large and very small ones. */
const numberFunction = 'really_number';

/** For paths that SQLite cannot follow. Texts are JSON: the driver would spoil lone surrogates. */
const keyFunction = 'really_key';
function keyAtPath(data: string, path: string): ReturnType<typeof keyOf> {
  let value: JsonValue | undefined = JSON.parse(data) as JsonValue;
  for (const step of JSON.parse(path) as string[]) {
    value = isJsonObject(value) ? ownMember(value, step) : undefined;
  }
  return typeof value === 'string' ? JSON.stringify(value) : keyOf(value ?? null);
}

/** Every connection that may use an index needs these. `tick` is called before slow work. */
export function registerKeyFunctions(db: Database, tick: () => void = () => {}): void {
  const options = { deterministic: true };
  // The last long one: many parts of a filter may use the same value of an object.
  let known: { json: string; key: Buffer } = { json: '', key: Buffer.alloc(0) };
  db.function(compositeFunction, options, (value) => {
    tick();
    const json = String(value);
    if (json === known.json) return known.key;
    const key = compositeKey(canonicalText(JSON.parse(json)));
    if (json.length >= longText) known = { json, key };
    return key;
  });
  db.function(numberFunction, options, (json) => Number(String(json)));
  db.function(keyFunction, options, (data, path) => keyAtPath(String(data), String(path)));
}
