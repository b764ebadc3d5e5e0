import type { RqlExpression } from '@really/protocol';
import type { Order, Query } from '../store/store-reads.js';
import type { PageStart } from './page-tokenizer.js';

/** A range of an order that the store can scan. */
export type ScanRange = Pick<Query, 'filter' | 'order' | 'from'>;

/** The range to scan from a place on: in the order itself or, paging back, nearest first. */
export function scanRange(
  { keys }: Order,
  filter: RqlExpression | undefined,
  start: PageStart | undefined,
): ScanRange {
  return { filter, order: { keys, reversed: start?.back === true }, from: start?.place };
}

/** The conjunction of the filters that are given. */
export function allOf(
  left: RqlExpression | undefined,
  right: RqlExpression | undefined,
): RqlExpression | undefined {
  return left && right ? { kind: 'and', left, right } : (left ?? right);
}
