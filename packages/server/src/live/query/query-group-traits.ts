import type { Auth, RqlExpression } from '@really/protocol';
import type { Order, Pos, Scope } from '../../store/store.js';
import type { WindowCost } from './window-cost.js';
import type { WindowTraits } from './window-event.js';

/** What makes queries alike: whoever asks the same, and is alike in rights, shares a window. */
export interface QueryGroupTraits extends WindowTraits {
  readonly key: string;
  readonly scope: Scope;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
  readonly limit: number;
  readonly cost: WindowCost;
  /** Of the one who came first: the others are alike where it matters. */
  readonly auth: Auth;
  /** Whose turn its reads take: that of the one who came first. */
  readonly owner: string;
}

/** How far those who are live have heard. */
export interface WindowCursor {
  readonly pos: Pos;
  /** True where what they were told is just what the window was there. */
  readonly isExact: boolean;
}
