import type { JsonObject, JsonValue } from './json/json.js';
import { idOf } from './r.js';
import { compareForSort, compareText } from './rql/compare.js';

/** One key of an order: `_r`, `_rev`, or the dotted path of a field. */
export interface SortKey {
  readonly field: string;
  readonly descending: boolean;
}

/** Maximum keys of an order. */
export const mostSortKeys = 4;

/** The position of an object in an order. */
export interface SortPosition {
  /** By sort key, up to `_r`, which has none; `undefined`: missing. */
  readonly values: readonly (JsonValue | undefined)[];
  readonly r: string;
}

/**
 * The keys of the option `sort`: `-priority,name`, or a list of such texts. They are not checked
 * against a model.
 */
export function sortKeysOf(sort: string | readonly string[]): SortKey[] {
  const texts = typeof sort === 'string' ? sort.split(',') : sort;
  return texts.map((text) => {
    const name = text.trim();
    const descending = name.startsWith('-');
    return { field: descending ? name.slice(1) : name, descending };
  });
}

/** The keys that have a value: all before `_r`, after which nothing is left to compare. */
export function valueKeys(keys: readonly SortKey[]): readonly SortKey[] {
  const end = keys.findIndex(({ field }) => field === '_r');
  return end < 0 ? keys : keys.slice(0, end);
}

/** Whether ids descend where all values tie: as the last key does (rule REA13). */
export function idsDescend(keys: readonly SortKey[]): boolean {
  return (keys.find(({ field }) => field === '_r') ?? keys.at(-1))?.descending === true;
}

/** The position of an object. `data`: its fields. */
export function sortPositionIn(
  keys: readonly SortKey[],
  { r, rev, data }: { readonly r: string; readonly rev: number; readonly data: JsonObject },
): SortPosition {
  const values = valueKeys(keys).map(({ field }) => {
    return field === '_rev' ? rev : valueAtPath(data, field);
  });
  return { values, r };
}

/**
 * Compares two positions in an order: negative where `a` comes before `b`. Key by key, missing
 * values last in either direction; ties by the id and then by the R, in the direction of the last
 * key. This defines the order of a read; stores must have the same.
 */
export function compareInOrder(keys: readonly SortKey[], a: SortPosition, b: SortPosition): number {
  for (const [index, { descending }] of valueKeys(keys).entries()) {
    const byValue = compareValues(a.values[index], b.values[index], descending);
    if (byValue !== 0) return byValue;
  }
  return compareTied(keys, a.r, b.r);
}

/** The same, of objects with their `_r` and `_rev` in them: reads no more of them than it compares. */
export function compareObjects(keys: readonly SortKey[], a: JsonObject, b: JsonObject): number {
  for (const { field, descending } of valueKeys(keys)) {
    const byValue = compareValues(valueAtPath(a, field), valueAtPath(b, field), descending);
    if (byValue !== 0) return byValue;
  }
  return compareTied(keys, String(a._r), String(b._r));
}

function compareTied(keys: readonly SortKey[], a: string, b: string): number {
  const byR = compareText(idOf(a), idOf(b)) || compareText(a, b);
  return idsDescend(keys) ? -byR : byR;
}

/**
 * The value at a dotted path. `undefined` where it is missing or null, and where the path leads
 * through a list.
 */
export function valueAtPath(data: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = data;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value ?? undefined;
}

function compareValues(
  a: JsonValue | undefined,
  b: JsonValue | undefined,
  descending: boolean,
): number {
  const isMissingA = a === undefined || a === null;
  const isMissingB = b === undefined || b === null;
  if (isMissingA || isMissingB) return Number(isMissingA) - Number(isMissingB);
  return descending ? -compareForSort(a, b) : compareForSort(a, b);
}
