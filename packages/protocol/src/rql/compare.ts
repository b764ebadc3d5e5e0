import type { JsonValue } from '../json.js';

/**
 * Orders texts by code point, as their UTF-8 bytes do. (`<` orders by UTF-16 units, which puts
 * U+E000 to U+FFFF after what needs two units.)
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return codePointRank(left) - codePointRank(right);
  }
  return a.length - b.length;
}

/** Moves surrogates behind all other units. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The ascending order of a sorted read: false, true, numbers, texts by code point, then lists and
 * objects, which have no order among themselves. What is missing is the caller's to place.
 */
export function compareForSort(a: JsonValue | undefined, b: JsonValue | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : Number(a > b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  return sortRank(a) - sortRank(b);
}

const sortRanks: readonly string[] = ['boolean', 'number', 'string', 'object', 'undefined'];

function sortRank(value: JsonValue | undefined): number {
  return sortRanks.indexOf(value === null ? 'undefined' : typeof value);
}
