import type { RqlExpression } from '@really/protocol';
import type { Order, Query, SortPosition } from '../store/store.js';
import type { PageStart } from './page-tokenizer.js';

/** One stretch of an order, as the store can walk it. */
export type ScanRange = Pick<Query, 'filter' | 'order' | 'from'>;

/**
 * How a store walks through what matches, from a place on: in the order itself, or, walking back,
 * nearest first.
 *
 * Missing values are last in either direction, so that walking back is not the opposite order: from a place
 * among the missing it goes first through these, then through all that have a value; from any other
 * place it must not run into the missing at the far end.
 */
export function scanRanges(
  order: Order,
  filter: RqlExpression | undefined,
  start: PageStart | undefined,
): ScanRange[] {
  if (!start?.back) return [{ filter, order, from: start?.place }];
  const opposite: Order = { field: order.field, descending: !order.descending };
  const from: SortPosition = start.place;
  if (!canBeMissing(order)) return [{ filter, order: opposite, from }];
  const present = both(filter, comparedToNull(order, '!='));
  if (from.value !== undefined) return [{ filter: present, order: opposite, from }];
  const missing = both(filter, comparedToNull(order, '='));
  return [
    { filter: missing, order: opposite, from },
    { filter: present, order: opposite },
  ];
}

function canBeMissing({ field }: Order): boolean {
  return field !== '_r' && field !== '_rev';
}

function comparedToNull({ field }: Order, operator: '=' | '!='): RqlExpression {
  return { kind: 'comparison', field: field.split('.'), operator, value: null };
}

function both(left: RqlExpression | undefined, right: RqlExpression): RqlExpression {
  return allOf(left, right) ?? right;
}

/** Both filters, where there are two. */
export function allOf(
  left: RqlExpression | undefined,
  right: RqlExpression | undefined,
): RqlExpression | undefined {
  return left && right ? { kind: 'and', left, right } : (left ?? right);
}
