import type { CollectionSubscription } from '../collection/collection-subscription.js';
import type { ObjectSubscription } from '../object/object-subscription.js';
import type { PushTarget } from '../push-target.js';
import type { QuerySubscription } from '../query/query-subscription.js';
import { CompactMap } from './compact-map.js';
import type { UserUsage } from './user-usages.js';

export type Subscription = ObjectSubscription | CollectionSubscription | QuerySubscription;

/** Whether its client does not know of it yet. One that only gets more fields was answered before. */
export function isUnanswered(subscription: Subscription): boolean {
  const isWidened = subscription.kind === 'object' && subscription.catchUpMode === 'widened';
  return subscription.progress === 'waiting' && !isWidened;
}

/** The subscriptions of one connection. */
export class LiveSession {
  readonly pushTarget: PushTarget;
  /** Usage of its owner, shared with the owner's other connections. */
  readonly usage: UserUsage;
  /** By printed R; live queries by their ids. */
  readonly subscriptions = new CompactMap<Subscription>();
  /** Number of live queries. */
  queries = 0;
  #lastQuery = 0;
  /** Set when the connection is gone: work in flight for it is discarded. */
  dropped = false;

  constructor(pushTarget: PushTarget, usage: UserUsage) {
    this.pushTarget = pushTarget;
    this.usage = usage;
  }

  /** Never assigns this id, which an earlier connection of the client used. */
  reserveQueryId(id: string): void {
    this.#lastQuery = Math.max(this.#lastQuery, Number(id.slice(1)));
  }

  /** The last id given to a live query; `undefined` if there was none. */
  get lastQueryId(): string | undefined {
    return this.#lastQuery === 0 ? undefined : `q${this.#lastQuery}`;
  }

  /** A new id for a live query. It never looks like an R. */
  newQueryId(): string {
    this.#lastQuery += 1;
    return `q${this.#lastQuery}`;
  }
}
