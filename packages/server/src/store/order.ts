import {
  compareInOrder,
  type JsonObject,
  ownMember,
  type SortPosition,
  sortPositionIn,
} from '@really/protocol/values';
import type { StoredFieldType } from './collection-layout.js';
import type { Order } from './store-reads.js';
import type { StoredObject } from './stored-object.js';

/** The object's position in an order. */
export function sortPositionOf(object: StoredObject, { keys }: Order): SortPosition {
  return sortPositionIn(keys, object);
}

/** Compares two positions in an order: negative where `a` comes before `b`. */
export function compareSortPositions(order: Order, a: SortPosition, b: SortPosition): number {
  const compared = compareInOrder(order.keys, a, b);
  return order.reversed ? -compared : compared;
}

/** Whether only ids, which never change, decide the order. */
export function isByIds({ keys }: Order): boolean {
  return keys[0]?.field === '_r';
}

/** The paths of the fields that objects are sorted by. */
export function sortFields({ keys }: Order): string[] {
  return keys.map(({ field }) => field).filter((field) => !field.startsWith('_'));
}

/** Whether any of these fields has a value of another type. */
export function isMistyped(data: JsonObject, types: Iterable<StoredFieldType>): boolean {
  for (const { field, type } of types) {
    const value = ownMember(data, field);
    if (value !== undefined && typeof value !== javascriptTypes[type]) return true;
  }
  return false;
}

const javascriptTypes = { text: 'string', number: 'number', boolean: 'boolean' } as const;
