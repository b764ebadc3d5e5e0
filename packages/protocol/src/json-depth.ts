import type { JsonValue } from './json.js';

/**
 * Whether a value has more than `limit` levels; a list or object is one level above what it holds,
 * and a plain value is none. Goes no deeper than the limit itself, so no message can exhaust the stack.
 */
export function isDeeperThan(value: JsonValue, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit <= 0) return true;
  if (Array.isArray(value)) return value.some((element) => isDeeperThan(element, limit - 1));
  for (const name in value) {
    if (isDeeperThan(value[name] ?? null, limit - 1)) return true;
  }
  return false;
}
