import type { CollectionSubscription } from '../collection/collection-subscription.js';
import type { ObjectSubscription } from '../object/object-subscription.js';
import type { PushTarget } from '../push-target.js';
import type { QuerySubscription } from '../query/query-subscription.js';
import { CompactMap } from './compact-map.js';
import type { UserUsage } from './user-usages.js';

export type Subscription = ObjectSubscription | CollectionSubscription | QuerySubscription;

/** What one listener is subscribed to. */
export class LiveSession {
  readonly pushTarget: PushTarget;
  /** What it holds together with the other connections of its uid. */
  readonly usage: UserUsage;
  /** By printed R, and by their ids for those of reads. */
  readonly subscriptions = new CompactMap<Subscription>();
  /** How many of them are of reads. */
  queries = 0;
  #lastQuery = 0;
  /** Set when the connection is gone: what was on its way for it comes to nothing. */
  dropped = false;

  constructor(pushTarget: PushTarget, usage: UserUsage) {
    this.pushTarget = pushTarget;
    this.usage = usage;
  }

  /** An id that an earlier connection of this client had is taken. */
  reserveQueryId(id: string): void {
    this.#lastQuery = Math.max(this.#lastQuery, Number(id.slice(1)));
  }

  /** The last id of a subscription of a read; `undefined` where there never was one. */
  get lastQueryId(): string | undefined {
    return this.#lastQuery === 0 ? undefined : `q${this.#lastQuery}`;
  }

  /** An id for the subscription of a read. It never looks like an R. */
  newQueryId(): string {
    this.#lastQuery += 1;
    return `q${this.#lastQuery}`;
  }
}
