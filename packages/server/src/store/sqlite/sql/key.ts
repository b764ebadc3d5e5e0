import { canonicalText, type JsonValue } from '@really/protocol/values';
import { quoteText } from './sql.js';

/**
 * The key of a JSON value: what indexes, comparisons and sorts go by. SQLite sorts numbers before
 * text before blobs, and a value of one kind never equals one of another, so this is the order and the
 * equality of the protocol package: false and true are the blobs 00 and 01, a list or an object is
 * 02 and its canonical text, and what is missing is NULL.
 */
export function keyOf(value: JsonValue): number | bigint | string | Buffer | null {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'number') return numberKey(value);
  if (typeof value === 'boolean') return Buffer.of(Number(value));
  return compositeKey(canonicalText(value));
}

/**
 * JSON has the shortest digits that name a double. Between 2^53 and 2^63 SQLite reads them as an
 * integer, which is not the double's exact value: so what is compared with has to be that integer.
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

/**
 * SQL for the key of the value at a path. Written out in every statement, because SQLite uses an
 * index on an expression where the same expression stands.
 */
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

/** A JSON path as a literal: each step quoted, so that dots, quotes and brackets in a name are part of it. */
export function jsonPath(path: readonly string[]): string {
  return quoteText(`$${path.map((step) => `.${JSON.stringify(step)}`).join('')}`);
}

/** SQLite compares names of members only up to U+0000. */
export function hasNul(path: readonly string[]): boolean {
  return path.some((step) => step.includes('\0'));
}

/** Key of a list or an object, given as JSON. */
export const compositeFunction = 'really_composite';

/** Shorter texts are read again as fast as they are looked up. */
const longText = 1024;

/** Composite keys, of which the last long one is remembered: many parts of a filter ask about the same value of an object. */
export class CompositeKeys {
  #json: string | undefined;
  #key: Buffer = Buffer.alloc(0);

  of(json: string): Buffer {
    if (json === this.#json) return this.#key;
    const key = compositeKey(canonicalText(JSON.parse(json)));
    if (json.length >= longText) {
      this.#json = json;
      this.#key = key;
    }
    return key;
  }
}

/** A number given as JSON. SQLite is an ulp off with the very large and the very small ones. */
export const numberFunction = 'really_number';
export function numberOfJson(json: string): number {
  return Number(json);
}

/**
 * Key of the value at a path, for the paths that SQLite cannot follow. A text comes as JSON, since the driver would replace
 * surrogates that stand alone.
 */
export const keyFunction = 'really_key';
export function keyAtPath(data: string, path: string): ReturnType<typeof keyOf> {
  let value: JsonValue | undefined = JSON.parse(data) as JsonValue;
  for (const step of JSON.parse(path) as string[]) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    value = Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return typeof value === 'string' ? JSON.stringify(value) : keyOf(value ?? null);
}
