import type { RqlExpression } from '@really/protocol';
import type { Order, Query, SortPosition } from '../store/store.js';
import type { PageStart } from './page-tokenizer.js';

/** A range of an order that the store can scan. */
export type ScanRange = Pick<Query, 'filter' | 'order' | 'from'>;

/**
 * The ranges to scan from a place on: in the order itself or, paging back, nearest first.
 *
 * Missing values sort last in both directions, so paging back is not simply the opposite order:
 * from a place among the missing values it scans those first, then everything with a value; from
 * any other place it must not reach the missing values at the far end.
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

/** The conjunction of the filters that are given. */
export function allOf(
  left: RqlExpression | undefined,
  right: RqlExpression | undefined,
): RqlExpression | undefined {
  return left && right ? { kind: 'and', left, right } : (left ?? right);
}
