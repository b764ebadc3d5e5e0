import type { JsonValue } from './json.js';

export function isPlain(value: JsonValue): value is null | boolean | number | string {
  return typeof value !== 'object' || value === null;
}

/**
 * The same text for all deeply equal values, and different texts for others: members are sorted by
 * name.
 */
export function canonicalText(value: JsonValue): string {
  // Not JSON.stringify for numbers: it gives null for a literal that overflows.
  if (typeof value === 'number') return String(value);
  if (isPlain(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] ?? null)}`);
  return `{${members.join()}}`;
}
