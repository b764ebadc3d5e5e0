import type { CollectionSubscription } from './collection-subscription.js';
import { KeyedSet } from './keyed-set.js';
import type { Listener } from './listener.js';
import type { ObjectSubscription } from './object-subscription.js';
import type { QuerySubscription } from './query-subscription.js';
import type { Share } from './shares.js';

export type Subscription = ObjectSubscription | CollectionSubscription | QuerySubscription;

/** What one listener is subscribed to. */
export class Session {
  readonly listener: Listener;
  /** What it holds together with the other connections of its uid. */
  readonly share: Share;
  /** By printed R, and by their ids for those of reads. */
  readonly subscriptions = new KeyedSet<Subscription>();
  /** How many of them are of reads. */
  queries = 0;
  #lastQuery = 0;
  /** Set when the connection is gone: what was on its way for it comes to nothing. */
  dropped = false;

  constructor(listener: Listener, share: Share) {
    this.listener = listener;
    this.share = share;
  }

  /** An id that an earlier connection of this client had is taken. */
  takeQueryId(id: string): void {
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
