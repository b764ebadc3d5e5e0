import {
  compareForSort,
  compareText,
  type JsonObject,
  type JsonValue,
} from '@really/protocol/values';
import type { Order, SortPosition, StoredFieldType, StoredObject } from './store.js';

/** The id of an object: the last step of its R. */
export function idOf(r: string): string {
  return r.slice(r.lastIndexOf('/') + 1);
}

/**
 * The value at a dotted path. `undefined` where it is missing or null, and where the path leads
 * through a list.
 */
export function valueAt(data: JsonObject, field: string): JsonValue | undefined {
  let value: JsonValue | undefined = data;
  for (const step of field.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value ?? undefined;
}

/** The object's position in an order. */
export function sortPositionOf(object: StoredObject, order: Order): SortPosition {
  if (order.field === '_r') return { value: undefined, r: object.r };
  if (order.field === '_rev') return { value: object.rev, r: object.r };
  return { value: valueAt(object.data, order.field), r: object.r };
}

/** Compares two positions in an order: negative where `a` comes before `b`. */
export function compareSortPositions(order: Order, a: SortPosition, b: SortPosition): number {
  const byValue = order.field === '_r' ? 0 : compareValues(order, a.value, b.value);
  if (byValue !== 0) return byValue;
  const byR = compareText(idOf(a.r), idOf(b.r)) || compareText(a.r, b.r);
  return order.descending ? -byR : byR;
}

function compareValues(order: Order, a: SortPosition['value'], b: SortPosition['value']): number {
  const missingA = a === undefined || a === null;
  const missingB = b === undefined || b === null;
  if (missingA || missingB) return Number(missingA) - Number(missingB);
  return order.descending ? -compareForSort(a, b) : compareForSort(a, b);
}

/** Whether any of these fields has a value of another type. */
export function isMistyped(data: JsonObject, types: readonly StoredFieldType[]): boolean {
  return types.some(({ field, type }) => {
    const value = Object.hasOwn(data, field) ? data[field] : undefined;
    return value !== undefined && typeof value !== javascriptTypes[type];
  });
}

const javascriptTypes = { text: 'string', number: 'number', boolean: 'boolean' } as const;
