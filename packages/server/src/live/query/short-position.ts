import {
  compareForSort,
  type JsonObject,
  type JsonValue,
  type SortPosition,
  topField,
} from '@really/protocol';
import { lastTouched } from '../../objects/change.js';
import { compareSortPositions } from '../../store/order.js';
import type { Order } from '../../store/store-reads.js';
import type { StoredObject } from '../../store/stored-object.js';

/** Maximum characters of a value that is kept whole. */
const mostCharacters = 256;

/**
 * A sort position of bounded size, so that the rows of windows keep no long values in memory (rule
 * LIM11). Of a long text the beginning is kept, longer than any whole text, so that it sorts as the
 * whole one would, except among others with the same beginning. Of a large list or object only its
 * kind is kept.
 */
export interface ShortPosition extends SortPosition {
  /** By index of a shortened value: the revision that last changed it; `undefined`: all are whole. */
  readonly shortened?: ReadonlyMap<number, number> | undefined;
}

/** Shortens a position of this object in this order. */
export function shortPosition(
  position: SortPosition,
  { object, order }: { object: StoredObject; order: Order },
): ShortPosition {
  if (!position.values.some(isLong)) return position;
  const shortened = new Map<number, number>();
  const values = position.values.map((value, index) => {
    if (!isLong(value)) return value;
    shortened.set(index, lastTouched(object, topField(order.keys[index]?.field ?? '')));
    return typeof value === 'string' ? beginningOf(value) : [];
  });
  return { r: position.r, values, shortened };
}

/** As `compareSortPositions`; `undefined` where only the whole values tell. */
export function compareShortPositions(
  order: Order,
  a: ShortPosition,
  b: ShortPosition,
): number | undefined {
  return (a.shortened ?? b.shortened) && isUndecided(a, b)
    ? undefined
    : compareSortPositions(order, a, b);
}

function isUndecided(a: ShortPosition, b: ShortPosition): boolean {
  for (const [index, value] of a.values.entries()) {
    const other = b.values[index];
    if (isUnknown(index, a, b)) return true;
    if (compareForSort(value, other) !== 0) return false;
  }
  return false;
}

/** Whether these two values may or may not be the same, or in either order. */
function isUnknown(index: number, a: ShortPosition, b: ShortPosition): boolean {
  const [revA, revB] = [a.shortened?.get(index), b.shortened?.get(index)];
  if (revA === undefined && revB === undefined) return false;
  if (a.r === b.r && revA === revB) return false;
  const [valueA, valueB] = [a.values[index], b.values[index]];
  return isTree(valueA) ? isTree(valueB) : valueA === valueB;
}

function isTree(value: JsonValue | undefined): value is JsonValue[] | JsonObject {
  return typeof value === 'object' && value !== null;
}

/** Looks no further than needed: a value may be very large. */
function isLong(value: JsonValue | undefined): boolean {
  if (typeof value === 'string') return value.length > mostCharacters;
  if (!isTree(value)) return false;
  let size = 0;
  const waiting: JsonValue[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    size += typeof next === 'string' ? next.length : 1;
    if (isTree(next)) {
      const members = Object.entries(next);
      for (const [key] of members) size += key.length;
      if (size <= mostCharacters) waiting.push(...members.map(([, member]) => member));
    }
    if (size > mostCharacters) return true;
  }
  return false;
}

/** A copy of the beginning, in whole characters: a slice would keep the whole text in memory. */
function beginningOf(text: string): string {
  const end = mostCharacters + 1;
  const isInPair = (text.codePointAt(end - 1) ?? 0) > 0xffff;
  return Buffer.from(text.slice(0, isInPair ? end + 1 : end), 'utf16le').toString('utf16le');
}
