import { isJsonObject, type JsonValue } from './json.js';

/**
 * Deep equality of JSON values, whatever the order of members. A missing value equals only a
 * missing one.
 */
export function deepEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && equalLists(a, b);
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(b, name) || !deepEqual(a[name], b[name])) return false;
  }
  return true;
}

function equalLists(a: readonly JsonValue[], b: readonly JsonValue[]): boolean {
  return a.length === b.length && a.every((element, index) => deepEqual(element, b[index]));
}
