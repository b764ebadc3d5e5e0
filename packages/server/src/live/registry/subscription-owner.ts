import type { PushTarget } from '../push-target.js';
import type { UserUsage } from './user-usages.js';

/**
 * The state of a subscription:
 *
 * - `waiting`: registered, but its response is not queued yet;
 * - `live`: receives each change of its topic as it happens;
 * - `behind`: missed changes are being read from the store;
 * - `paused`: behind, and its output buffer is full;
 * - `ended`.
 *
 * waiting → live | behind; live → behind | paused; behind ⇄ paused; behind → live; behind and live
 * → waiting again when more fields are requested; any → ended.
 */
export type SubscriptionProgress = 'waiting' | 'live' | 'behind' | 'paused' | 'ended';

/** What a session needs to know of a subscription. */
export interface OwnedSubscription {
  /** Its printed R, or the id of a live query. */
  readonly key: string;
  readonly kind: 'object' | 'collection' | 'query';
}

/** What a subscription knows of the session that it belongs to. */
export interface SubscriptionOwner {
  readonly pushTarget: PushTarget;
  /** What its user holds with all connections together. */
  readonly usage: UserUsage;
  /** The connection is gone. */
  readonly dropped: boolean;
  readonly subscriptions: {
    add(subscription: OwnedSubscription): void;
    delete(subscription: OwnedSubscription): void;
  };
  /** How many of them are live queries. */
  queries: number;
}
