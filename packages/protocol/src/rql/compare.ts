import { canonicalText } from '../json/canonical-text.js';
import type { JsonValue } from '../json/json.js';

/**
 * Orders texts by code point, as their UTF-8 bytes do. (`<` orders by UTF-16 units, which puts
 * U+E000 to U+FFFF after surrogate pairs.) A lone surrogate is a code point too.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a.charCodeAt(index) !== b.charCodeAt(index)) {
      // The difference may be in the second half of a surrogate pair.
      return comparePoints(a, b, index - 1) || comparePoints(a, b, index);
    }
  }
  return a.length - b.length;
}

/** 0 where there is nothing at the index. */
function comparePoints(a: string, b: string, index: number): number {
  return (a.codePointAt(index) ?? 0) - (b.codePointAt(index) ?? 0);
}

/**
 * The ascending order of a sorted read: numbers, texts by code point, false, true, then lists and
 * objects by their canonical text, so that two values tie only where they are deeply equal. The
 * caller places missing values. (Numbers and texts come first because databases sort so.)
 */
export function compareForSort(a: JsonValue | undefined, b: JsonValue | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : Number(a > b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  const byRank = sortRank(a) - sortRank(b);
  if (byRank !== 0 || a === undefined || b === undefined) return byRank;
  return compareText(canonicalText(a), canonicalText(b));
}

const sortRanks: readonly string[] = ['number', 'string', 'boolean', 'object', 'undefined'];

function sortRank(value: JsonValue | undefined): number {
  return sortRanks.indexOf(value === null ? 'undefined' : typeof value);
}
