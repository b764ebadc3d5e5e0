import type { Auth, RqlExpression, SortPosition } from '@really/protocol';
import type { LookupFinder } from '../../model/lookups/lookup.js';
import { compareSortPositions } from '../../store/order.js';
import type { Order, Scope } from '../../store/store-reads.js';
import type { WindowCost } from './window-cost.js';
import type { WindowTraits } from './window-event.js';

/** The key of a query group: requests with the same query and rights share a window. */
export interface QueryGroupTraits extends WindowTraits {
  readonly key: string;
  readonly scope: Scope;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
  readonly limit: number;
  /** The window begins after this position; `undefined`: at the beginning. */
  readonly from?: SortPosition | undefined;
  readonly cost: WindowCost;
  /** `auth` of the first subscriber: the others have the same rights. */
  readonly auth: Auth;
  /** See `ViewAt`. */
  readonly finder?: LookupFinder | undefined;
  /** The owner of its reads where nobody is known for whom they are: the first subscriber's. */
  readonly owner: string;
}

/** Whether an object at this position may be in the window. */
export function isWithin(
  { order, from }: Pick<QueryGroupTraits, 'order' | 'from'>,
  place: SortPosition,
): boolean {
  return from === undefined || compareSortPositions(order, from, place) < 0;
}
