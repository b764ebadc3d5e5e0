import {
  compilePredicate,
  type JsonObject,
  type RqlExpression,
  type SubscribeItem,
  type UnsubscribeItem,
} from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import type { ModelSet } from '../model/model.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import { type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { CommittedChange, Scope, Store } from '../store/store.js';
import { Activity } from './activity.js';
import { CollectionCatchUp } from './collection-catch-up.js';
import { CollectionDelivery } from './collection-delivery.js';
import { CollectionFeed } from './collection-feed.js';
import type { Answered } from './collection-subscription.js';
import type { CollectionTopic } from './collection-topic.js';
import { CollectionWish } from './collection-wish.js';
import type { Listener } from './listener.js';
import type { LiveContext } from './live-context.js';
import { type LiveCounts, liveMetrics } from './live-metrics.js';
import { Members } from './members.js';
import { ObjectCatchUp } from './object-catch-up.js';
import { ObjectDelivery } from './object-delivery.js';
import { ObjectFeed } from './object-feed.js';
import type { ObjectTopic } from './object-topic.js';
import { pushError } from './push-error.js';
import { Regrouping } from './regrouping.js';
import type { Subscription } from './session.js';
import { Sessions } from './sessions.js';
import { type SubscribeAnswer, type SubscribeParts, subscribe } from './subscribe.js';
import { Topics } from './topics.js';
import { Turns } from './turns.js';
import { unsubscribe } from './unsubscribe.js';

export interface LiveOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly models: () => ModelSet;
  readonly platform: Platform;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  readonly limits: Pick<Limits, 'subscriptions' | 'queries'>;
}

/** A read with `subscribe` that wants to hear of what is created from now on, or since a position. */
export interface WatchRequest {
  /** The collection, printed. */
  readonly r: string;
  readonly scope: Scope;
  /** Resolved; `undefined`: all. */
  readonly fields?: readonly string[] | undefined;
  /** Judged on what the reader sees. */
  readonly filter?: RqlExpression | undefined;
  /** The position of an earlier push, as it was told. */
  readonly since?: string | undefined;
}

/** Readings of the store at once for all subscriptions together, and for those of one connection. */
const turnLimits = { atOnce: 16, each: 4 };

/** Objects compared with the store at once. */
const comparedAtOnce = 256;

/**
 * Who hears what. Subscriptions come from the commands, changes from the bus; rights are judged and
 * pushes encoded once for each audience, and handed to the connections of those who are in it.
 *
 * The bus is only a hint: every subscription has a cursor, and what it has not heard of is read from
 * the store. See docs/decisions/0005-live.md.
 */
export class Live {
  readonly #context: LiveContext;
  readonly #sessions = new Sessions();
  readonly #objectTopics = new Topics<ObjectTopic>();
  readonly #collectionTopics = new Topics<CollectionTopic>();
  readonly #activity = new Activity();
  readonly #members: Members;
  readonly #objectFeed: ObjectFeed;
  readonly #objectCatchUp: ObjectCatchUp;
  readonly #collectionFeed: CollectionFeed;
  readonly #collectionCatchUp: CollectionCatchUp;
  readonly #regrouping: Regrouping;
  readonly #parts: SubscribeParts;
  readonly #stopListening: () => void;

  constructor({ bus, metrics = noMetrics, ...rest }: LiveOptions) {
    const context: LiveContext = { ...rest, metrics: liveMetrics(metrics, () => this.counts()) };
    const objects = this.#objectTopics;
    const collections = this.#collectionTopics;
    const activity = this.#activity;
    const members = new Members(context, { sessions: this.#sessions, objects, collections });
    const common = { members, activity, turns: new Turns(turnLimits, activity) };
    const ofObjects = {
      ...common,
      topics: objects,
      delivery: new ObjectDelivery(context, members),
    };
    const ofCollections = {
      ...common,
      topics: collections,
      delivery: new CollectionDelivery(context, members),
    };
    this.#context = context;
    this.#members = members;
    this.#objectFeed = new ObjectFeed(context, ofObjects);
    this.#objectCatchUp = new ObjectCatchUp(context, ofObjects);
    this.#collectionFeed = new CollectionFeed(context, ofCollections);
    this.#collectionCatchUp = new CollectionCatchUp(context, ofCollections);
    this.#regrouping = new Regrouping(context, {
      members,
      objects: this.#objectCatchUp,
      collections: this.#collectionCatchUp,
    });
    this.#parts = {
      context,
      objects: { context, members, topics: objects, catchUp: this.#objectCatchUp },
      collections: {
        context,
        members,
        topics: collections,
        catchUp: this.#collectionCatchUp,
        feed: this.#collectionFeed,
        regrouping: this.#regrouping,
      },
    };
    this.#stopListening = bus.listen((changes) => this.#hear(changes));
  }

  /** The subscribe command. Never rejects for one item: its failure is in the answer. */
  async subscribe(listener: Listener, items: readonly SubscribeItem[]): Promise<SubscribeAnswer> {
    return await subscribe(this.#parts, this.#sessions.open(listener), items);
  }

  /**
   * The subscription of a read: to be made before the read looks at the first object, so that nothing
   * is created in between unseen; `start` is told what the answer shows, so that nothing of it is told
   * a second time. Rejects with 403, 404, 410 `position.gone` or 429.
   */
  async watch(
    listener: Listener,
    request: WatchRequest,
  ): Promise<{ subscription: string; start: (answered?: Answered) => void }> {
    const session = this.#sessions.open(listener);
    const { r, scope, fields, filter, since } = request;
    const wish = new CollectionWish(this.#parts.collections, session, {
      r,
      scope,
      fields,
      pos: since,
      posPath: 'cmdOpts.since',
      watch: { matches: filter && compilePredicate(filter) },
    });
    try {
      const prepared = await wish.prepare();
      if (session.dropped) return { subscription: '', start: () => {} };
      const { key, start = () => {} } = prepared.place(session);
      return { subscription: key, start };
    } catch (error) {
      throw pushError(this.#context, error, { r });
    } finally {
      wish.release();
    }
  }

  /** The unsubscribe command: the body of its answer. Throws as `unsubscribe` says. */
  unsubscribe(listener: Listener, items: readonly UnsubscribeItem[]): JsonObject {
    const parts = {
      context: this.#context,
      members: this.#members,
      regrouping: this.#regrouping,
    };
    return { subscriptions: unsubscribe(parts, this.#sessions.find(listener), items) };
  }

  /** The listener's `auth` is another now: rights that depend on it are judged anew. */
  reauthorized(listener: Listener): void {
    for (const one of this.#subscriptionsOf(listener)) this.#regrouping.reauthorize(one);
  }

  /** The listener takes output again: what was held back for it is caught up (rule LIM4). */
  drained(listener: Listener): void {
    for (const one of this.#subscriptionsOf(listener)) {
      if (one.progress !== 'paused') continue;
      if (one.kind === 'object') this.#objectCatchUp.begin(one);
      else this.#collectionCatchUp.begin(one);
    }
  }

  /** The listener is gone for good, and everything of it is forgotten. */
  drop(listener: Listener): void {
    const session = this.#sessions.close(listener);
    for (const one of session?.subscriptions.values() ?? []) this.#members.end(one);
  }

  /**
   * Compares every topic with the store, in a few reads, and has told what is missing: for a bus that
   * was away. Rejects with `StoreUnavailable`.
   */
  async compare(): Promise<void> {
    const { store } = this.#context;
    const topics = this.#objectTopics.all();
    for (let at = 0; at < topics.length; at += comparedAtOnce) {
      const some = topics.slice(at, at + comparedAtOnce);
      const objects = await store.getMany(some.map(({ r }) => r));
      for (const [index, topic] of some.entries()) {
        this.#objectFeed.announce(topic, objects[index]?.rev ?? 0);
      }
    }
    this.#collectionFeed.announce(await store.position());
  }

  /** Resolves when everything that was heard is pushed, and nothing is being read for anybody. */
  async settled(): Promise<void> {
    await this.#activity.settled();
  }

  counts(): LiveCounts {
    const { object, collection, query } = this.#sessions.counts;
    return {
      listeners: this.#sessions.size,
      subscriptions: object + collection + query,
      queries: query,
      objectTopics: this.#objectTopics.size,
      collectionTopics: this.#collectionTopics.size,
    };
  }

  /** Listens to the bus no more. Subscriptions end with their connections. */
  close(): void {
    this.#stopListening();
  }

  #subscriptionsOf(listener: Listener): Subscription[] {
    return this.#sessions.find(listener)?.subscriptions.values() ?? [];
  }

  #hear(changes: readonly CommittedChange[]): void {
    for (const change of changes) {
      this.#objectFeed.offer(change);
      this.#collectionFeed.offer(change);
    }
  }
}
