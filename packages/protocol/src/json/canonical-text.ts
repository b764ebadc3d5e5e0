import type { JsonValue } from './json.js';

export function isPlain(value: JsonValue): value is null | boolean | number | string {
  return typeof value !== 'object' || value === null;
}

/** One text for all values that are deeply equal, and for no others: members in the order of their names. */
export function canonicalText(value: JsonValue): string {
  // Not JSON.stringify for numbers: it has one text, null, for what a too large literal becomes.
  if (typeof value === 'number') return String(value);
  if (isPlain(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] ?? null)}`);
  return `{${members.join()}}`;
}
