import type { Auth, RqlExpression } from '@really/protocol';
import type { Order, Pos, Scope } from '../../store/store.js';
import type { WindowCost } from './window-cost.js';
import type { WindowTraits } from './window-event.js';

/** The key of a query group: requests with the same query and rights share a window. */
export interface QueryGroupTraits extends WindowTraits {
  readonly key: string;
  readonly scope: Scope;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
  readonly limit: number;
  readonly cost: WindowCost;
  /** `auth` of the first subscriber: the others have the same rights. */
  readonly auth: Auth;
  /** The owner of its reads: the first subscriber's. */
  readonly owner: string;
}

/** How far the live subscribers are. */
export interface WindowCursor {
  readonly pos: Pos;
  /** True if they know exactly the window at `pos`. */
  readonly isExact: boolean;
}
