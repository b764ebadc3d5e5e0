import type { Auth, JsonObject, ProtocolError, UnsubscribeItem } from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import type { ModelSet } from '../model/model.js';
import { ViewTexts } from '../model/view-text.js';
import type { Objects } from '../objects/objects.js';
import { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import { type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { Tracing } from '../platform/tracing.js';
import { type Steps, TurnSlice } from '../platform/turn-slice.js';
import type { CommittedChange, Pos, Store } from '../store/store.js';
import { Activity } from './activity.js';
import { answeredStore } from './answered-store.js';
import { CollectionCatchUp } from './collection-catch-up.js';
import { CollectionDelivery } from './collection-delivery.js';
import { CollectionFeed } from './collection-feed.js';
import type { CollectionTopic } from './collection-topic.js';
import type { Listener } from './listener.js';
import { LiveBudget, type LiveLimits } from './live-budget.js';
import type { LiveContext } from './live-context.js';
import { type LiveCounts, liveMetrics } from './live-metrics.js';
import { Members } from './members.js';
import { collectionNamesOf } from './model-change.js';
import { ObjectCatchUp } from './object-catch-up.js';
import { ObjectDelivery } from './object-delivery.js';
import { ObjectFeed } from './object-feed.js';
import type { ObjectTopic } from './object-topic.js';
import { Pace } from './pace.js';
import { type Parked, parkedOf } from './parked.js';
import { ParkedWindows } from './parked-windows.js';
import { Positions } from './position.js';
import { pushError } from './push-error.js';
import { PushNotes } from './push-notes.js';
import { QueryFeed } from './query-feed.js';
import { QueryWatch, type Watched, type WatchRequest } from './query-watch.js';
import { Regrouping } from './regrouping.js';
import { Reloading } from './reloading.js';
import { renewed } from './renewed.js';
import { resume } from './resume.js';
import { seat } from './seating.js';
import type { Session, Subscription } from './session.js';
import { Sessions } from './sessions.js';
import { type Share, Shares } from './shares.js';
import { type SubscribeAnswer, type SubscribeParts, subscribe } from './subscribe.js';
import type { Wished } from './subscribing.js';
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
  /** `undefined`: nobody traces. */
  readonly tracing?: Tracing | undefined;
  /** For windows of queries. */
  readonly objects: Pick<Objects, 'heads'>;
  /** Resolves when what the store shows now was answered; `undefined`: it always is. See `Committer.told`. */
  readonly told?: (() => Promise<void>) | undefined;
  readonly budgets?: Budgets | undefined;
  readonly pace?: Pace | undefined;
  readonly limits: LiveLimits &
    Pick<Limits, 'subscriptions' | 'queries' | 'queryRows' | 'queryTime'>;
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
  readonly #shares = new Shares();
  readonly #sessions = new Sessions(this.#shares);
  readonly #parkedWindows: ParkedWindows;
  readonly #objectTopics = new Topics<ObjectTopic>();
  readonly #collectionTopics = new Topics<CollectionTopic>();
  readonly #activity = new Activity();
  readonly #turns: Turns;
  readonly #members: Members;
  readonly #objectFeed: ObjectFeed;
  readonly #objectCatchUp: ObjectCatchUp;
  readonly #collectionFeed: CollectionFeed;
  readonly #collectionCatchUp: CollectionCatchUp;
  readonly #queryFeed: QueryFeed;
  readonly #queries: QueryWatch;
  readonly #regrouping: Regrouping;
  readonly #reloading: Reloading;
  readonly #parts: SubscribeParts;
  readonly #stopListening: () => void;

  constructor(options: LiveOptions) {
    const { bus, metrics = noMetrics, tracing, told, store, ...rest } = options;
    const { budgets = new Budgets(metrics), limits, pace = new Pace() } = rest;
    const context: LiveContext = {
      ...rest,
      shares: this.#shares,
      budget: new LiveBudget({
        ...{ limits, budgets, shares: this.#shares },
        evict: (share, error) => this.#evict(share, error),
      }),
      slice: new TurnSlice(rest.platform.clock),
      pace,
      store: told ? answeredStore(store, told) : store,
      views: new ViewTexts(() => store.epoch),
      positions: new Positions(() => store.epoch),
      metrics: liveMetrics(metrics, () => this.counts()),
      notes: new PushNotes({ clock: rest.platform.clock, metrics, tracing }),
    };
    const objects = this.#objectTopics;
    const collections = this.#collectionTopics;
    const activity = this.#activity;
    const members = new Members(context, { sessions: this.#sessions, objects, collections });
    const turns = new Turns(turnLimits, { activity, slice: context.slice });
    const common = { members, activity, turns };
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
    this.#turns = turns;
    this.#parkedWindows = new ParkedWindows(rest.limits.queryRows);
    this.#members = members;
    this.#objectFeed = new ObjectFeed(context, ofObjects);
    this.#objectCatchUp = new ObjectCatchUp(context, ofObjects);
    this.#collectionFeed = new CollectionFeed(context, ofCollections);
    this.#collectionCatchUp = new CollectionCatchUp(context, ofCollections);
    this.#queryFeed = new QueryFeed(context, { activity, members, turns });
    this.#queries = new QueryWatch(context, {
      members,
      feed: this.#queryFeed,
      parkedWindows: this.#parkedWindows,
    });
    this.#regrouping = new Regrouping(context, {
      members,
      queries: this.#queries,
      objects: this.#objectCatchUp,
      collections: this.#collectionCatchUp,
    });
    this.#reloading = new Reloading(context, {
      sessions: this.#sessions,
      members,
      objects: this.#objectCatchUp,
      collections: this.#collectionCatchUp,
      queries: this.#queries,
      queryFeed: this.#queryFeed,
    });
    this.#parts = {
      context,
      activity,
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

  /** Of the store. */
  get epoch(): string {
    return this.#context.store.epoch.id;
  }

  /** The reader's view of a collection; `undefined` where it has no model. */
  viewOf(names: readonly string[], auth: Auth): string | undefined {
    const model = this.#context.models().get(names);
    return model && this.#context.views.of(model, auth);
  }

  /** The subscribe command. Never rejects for one item: its failure is in the answer. */
  async subscribe(listener: Listener, items: readonly Wished[]): Promise<SubscribeAnswer> {
    return await subscribe(this.#parts, this.#sessions.open(listener), items);
  }

  /** The subscription of a read, and the window that is its answer. Rejects with 403, 404, 410 `position.gone`, 429 or 503. */
  async watch(listener: Listener, request: WatchRequest): Promise<Watched> {
    try {
      return await this.#queries.begin(this.#sessions.open(listener), request);
    } catch (error) {
      throw pushError(this.#context, error, { r: request.r });
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

  /** The listener's `auth` is another now: rights that depend on it are judged anew. The answer is of how many subscriptions. */
  reauthorized(listener: Listener): number {
    let others = 0;
    for (const one of this.#subscriptionsOf(listener)) {
      if (this.#regrouping.reauthorize(one)) others += 1;
    }
    return others;
  }

  /**
   * Other models are in force now: who hears of a collection whose model is another one is told so, judged anew, and told
   * the rest as of the new one. `before`: the models that were in force until now. To be called while nothing is being
   * written; `pos`: of the store.
   */
  reloaded(before: ModelSet, pos: Pos): void {
    this.#collectionFeed.passed(pos);
    this.#queryFeed.passed(pos);
    this.#reloading.run(before);
  }

  /** Up to where the listener has heard of what was created in the first collection that it subscribed to. */
  positionOf(listener: Listener): string | undefined {
    const [one] = this.#subscriptionsOf(listener);
    if (one?.kind !== 'collection') return undefined;
    return this.#context.positions.text({ pos: one.pos, view: one.audience.view });
  }

  /** The listener takes output again: what was held back for it is caught up (rule LIM4). */
  drained(listener: Listener): void {
    for (const one of this.#subscriptionsOf(listener)) {
      if (one.progress !== 'paused') continue;
      if (one.kind === 'query') this.#queries.resume(one);
      else if (one.kind === 'object') this.#objectCatchUp.begin(one);
      else this.#collectionCatchUp.begin(one);
    }
  }

  /** The listener is gone, and may come back as another one: what it takes to go on then, until `forget`. */
  park(listener: Listener): readonly Parked[] {
    const parked = this.#subscriptionsOf(listener).flatMap((one) => {
      if (one.kind !== 'query') seat(this.#context, this.#members, one);
      const model = this.#context.models().get(collectionNamesOf(one));
      return (model && parkedOf(one, model, this.#parkedWindows)) ?? [];
    });
    const key = this.#sessions.find(listener)?.lastQueryId;
    this.drop(listener);
    return key === undefined ? parked : [...parked, { kind: 'last-query', key }];
  }

  /** What was parked is taken, or will not be. To be called once. */
  forget(parked: readonly Parked[]): void {
    for (const one of parked) {
      const known = one.kind === 'query' ? one.request.left?.known : undefined;
      if (known) this.#parkedWindows.release(known);
    }
  }

  /**
   * Makes subscriptions again that were parked. Resolves with the way to begin: what was missed is
   * pushed then, and a `failed` for each of them that is none any more. Never rejects for one of them.
   */
  async resume(listener: Listener, parked: readonly Parked[]): Promise<() => void> {
    const session = this.#sessions.open(listener);
    for (const one of parked) if ('key' in one) session.takeQueryId(one.key);
    return await resume(this, listener, renewed(parked, this.#context.models()));
  }

  /** The listener is gone for good, and everything of it is forgotten. */
  drop(listener: Listener): void {
    const session = this.#sessions.close(listener);
    if (session) this.#activity.during(this.#context.slice.run(this.#endAll(session)));
  }

  *#endAll(session: Session): Steps {
    for (const one of session.subscriptions.values()) {
      this.#members.end(one);
      yield;
    }
    this.#sessions.leave(session);
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
    const pos = await store.position();
    this.#collectionFeed.announce(pos);
    this.#queryFeed.announce(pos);
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
      queryGroups: this.#queryFeed.groups,
      readingsWaiting: this.#turns.waiting,
      queryRows: this.#queryFeed.rows,
      parkedRows: this.#parkedWindows.rows,
    };
  }

  /** Listens to the bus no more. Subscriptions end with their connections. */
  close(): void {
    this.#stopListening();
  }

  /** Whoever holds most of what the node has not enough of gives way (rule LIM17). */
  #evict(share: Share, error: ProtocolError): void {
    for (const session of this.#sessions.all()) {
      if (session.share !== share) continue;
      for (const one of session.subscriptions.values()) {
        if (one.kind === 'query') this.#members.fail([one], error);
      }
    }
  }

  #subscriptionsOf(listener: Listener): Subscription[] {
    return this.#sessions.find(listener)?.subscriptions.values() ?? [];
  }

  #hear(changes: readonly CommittedChange[]): void {
    for (const change of changes) {
      if (this.#isOfAnotherVersion(change)) {
        this.#announce(change);
        continue;
      }
      this.#objectFeed.offer(change);
      this.#collectionFeed.offer(change);
      this.#queryFeed.offer(change);
    }
  }

  /** Then it does not say what happened to the object as of the model that is in force: the store does. */
  #isOfAnotherVersion({ r, type, modelVersion }: CommittedChange): boolean {
    if (type === 'delete') return false;
    const names = r.split('/').filter((_, index) => index % 2 === 1);
    const model = this.#context.models().get(names);
    return model !== undefined && model.version !== modelVersion;
  }

  #announce({ r, rev, pos }: CommittedChange): void {
    const topic = this.#objectTopics.find(r);
    if (topic) this.#objectFeed.announce(topic, rev);
    this.#collectionFeed.announce(pos);
    this.#queryFeed.announce(pos);
  }
}
