import type { PushTarget } from '../push-target.js';
import type { UserUsage } from './user-usages.js';

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
