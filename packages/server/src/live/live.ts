import type { Auth, JsonObject, ProtocolError, UnsubscribeItem } from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import type { ModelSet } from '../model/model.js';
import { ViewTexts } from '../model/view/view-text.js';
import type { Objects } from '../objects/objects.js';
import { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import { type Metrics, noMetrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import { type Steps, TickSlice } from '../platform/scheduling/tick-slice.js';
import type { Tracing } from '../platform/tracing.js';
import type { CommittedChange, Pos, Store } from '../store/store.js';
import { acknowledgedStore } from './catch-up/acknowledged-store.js';
import { FairLimiter } from './catch-up/fair-limiter.js';
import { InFlight } from './catch-up/in-flight.js';
import { CollectionCatchUp } from './collection/collection-catch-up.js';
import { CollectionDelivery } from './collection/collection-delivery.js';
import { CollectionFeed } from './collection/collection-feed.js';
import type { CollectionTopic } from './collection/collection-subscription.js';
import { LiveBudget, type LiveLimits } from './live-budget.js';
import type { LiveContext } from './live-context.js';
import { type LiveCounts, liveMetrics } from './live-metrics.js';
import { ObjectCatchUp } from './object/object-catch-up.js';
import { ObjectDelivery } from './object/object-delivery.js';
import { ObjectFeed } from './object/object-feed.js';
import type { ObjectTopic } from './object/object-subscription.js';
import { Positions } from './position.js';
import { FanOutPace } from './push/fan-out-pace.js';
import { pushError } from './push/push-error.js';
import { PushTelemetry } from './push/push-telemetry.js';
import type { PushTarget } from './push-target.js';
import { QueryFeed } from './query/query-feed.js';
import {
  type QuerySubscribeRequest,
  QuerySubscriptions,
  type SubscribedQuery,
} from './query/query-subscriptions.js';
import { assignGroup } from './registry/assign-group.js';
import { GroupReassignment } from './registry/group-reassignment.js';
import type { LiveSession, Subscription } from './registry/live-session.js';
import { LiveSessions } from './registry/live-sessions.js';
import { SubscriptionRegistry } from './registry/subscription-registry.js';
import { Topics } from './registry/topics.js';
import { type UserUsage, UserUsages } from './registry/user-usages.js';
import { collectionNamesOf } from './reload/model-change.js';
import { ModelReload } from './reload/model-reload.js';
import { rebaseResumable } from './resume/rebase-resumable.js';
import { type ResumableSubscription, resumableOf } from './resume/resumable-subscription.js';
import { ResumableWindows } from './resume/resumable-windows.js';
import { resume } from './resume/resume.js';
import { type SubscribeDeps, type SubscribeResult, subscribe } from './subscribe.js';
import type { RequestedSubscription } from './subscribe-checks.js';
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
  readonly published?: (() => Promise<void>) | undefined;
  readonly budgets?: Budgets | undefined;
  readonly pace?: FanOutPace | undefined;
  readonly limits: LiveLimits &
    Pick<Limits, 'subscriptions' | 'queries' | 'queryRows' | 'queryTime'>;
}

/** Readings of the store at once for all subscriptions together, and for those of one connection. */
const readLimits = { total: 16, perOwner: 4 };

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
  readonly #usages = new UserUsages();
  readonly #sessions = new LiveSessions(this.#usages);
  readonly #resumableWindows: ResumableWindows;
  readonly #objectTopics = new Topics<ObjectTopic>();
  readonly #collectionTopics = new Topics<CollectionTopic>();
  readonly #inFlight = new InFlight();
  readonly #limiter: FairLimiter;
  readonly #registry: SubscriptionRegistry;
  readonly #objectFeed: ObjectFeed;
  readonly #objectCatchUp: ObjectCatchUp;
  readonly #collectionFeed: CollectionFeed;
  readonly #collectionCatchUp: CollectionCatchUp;
  readonly #queryFeed: QueryFeed;
  readonly #queries: QuerySubscriptions;
  readonly #reassignment: GroupReassignment;
  readonly #modelReload: ModelReload;
  readonly #deps: SubscribeDeps;
  readonly #stopListening: () => void;

  constructor(options: LiveOptions) {
    const { bus, metrics = noMetrics, tracing, published, store, ...rest } = options;
    const { budgets = new Budgets(metrics), limits, pace = new FanOutPace() } = rest;
    const context: LiveContext = {
      ...rest,
      usages: this.#usages,
      budget: new LiveBudget({
        ...{ limits, budgets, usages: this.#usages },
        evict: (usage, error) => this.#evict(usage, error),
      }),
      slice: new TickSlice(rest.platform.clock),
      pace,
      store: published ? acknowledgedStore(store, published) : store,
      views: new ViewTexts(() => store.epoch),
      positions: new Positions(() => store.epoch),
      metrics: liveMetrics(metrics, () => this.counts()),
      telemetry: new PushTelemetry({ clock: rest.platform.clock, metrics, tracing }),
    };
    const objects = this.#objectTopics;
    const collections = this.#collectionTopics;
    const inFlight = this.#inFlight;
    const registry = new SubscriptionRegistry(context, {
      sessions: this.#sessions,
      objects,
      collections,
    });
    const limiter = new FairLimiter(readLimits, { inFlight, slice: context.slice });
    const sharedDeps = { registry, inFlight, limiter };
    const objectDeps = {
      ...sharedDeps,
      topics: objects,
      delivery: new ObjectDelivery(context, registry),
    };
    const collectionDeps = {
      ...sharedDeps,
      topics: collections,
      delivery: new CollectionDelivery(context, registry),
    };
    this.#context = context;
    this.#limiter = limiter;
    this.#resumableWindows = new ResumableWindows(rest.limits.queryRows);
    this.#registry = registry;
    this.#objectFeed = new ObjectFeed(context, objectDeps);
    this.#objectCatchUp = new ObjectCatchUp(context, objectDeps);
    this.#collectionFeed = new CollectionFeed(context, collectionDeps);
    this.#collectionCatchUp = new CollectionCatchUp(context, collectionDeps);
    this.#queryFeed = new QueryFeed(context, { inFlight, registry, limiter });
    this.#queries = new QuerySubscriptions(context, {
      registry,
      feed: this.#queryFeed,
      resumableWindows: this.#resumableWindows,
    });
    this.#reassignment = new GroupReassignment(context, {
      registry,
      queries: this.#queries,
      objects: this.#objectCatchUp,
      collections: this.#collectionCatchUp,
    });
    this.#modelReload = new ModelReload(context, {
      sessions: this.#sessions,
      registry,
      objects: this.#objectCatchUp,
      collections: this.#collectionCatchUp,
      queries: this.#queries,
      queryFeed: this.#queryFeed,
    });
    this.#deps = {
      context,
      inFlight,
      objects: { context, registry, topics: objects, catchUp: this.#objectCatchUp },
      collections: {
        context,
        registry,
        topics: collections,
        catchUp: this.#collectionCatchUp,
        feed: this.#collectionFeed,
        reassignment: this.#reassignment,
      },
    };
    this.#stopListening = bus.listen((changes) => this.#receive(changes));
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
  async subscribe(
    pushTarget: PushTarget,
    items: readonly RequestedSubscription[],
  ): Promise<SubscribeResult> {
    return await subscribe(this.#deps, this.#sessions.open(pushTarget), items);
  }

  /** The subscription of a read, and the window that is its answer. Rejects with 403, 404, 410 `position.gone`, 429 or 503. */
  async subscribeQuery(
    pushTarget: PushTarget,
    request: QuerySubscribeRequest,
  ): Promise<SubscribedQuery> {
    try {
      return await this.#queries.subscribe(this.#sessions.open(pushTarget), request);
    } catch (error) {
      throw pushError(this.#context, error, { r: request.r });
    }
  }

  /** The unsubscribe command: the body of its answer. Throws as `unsubscribe` says. */
  unsubscribe(pushTarget: PushTarget, items: readonly UnsubscribeItem[]): JsonObject {
    const deps = {
      context: this.#context,
      registry: this.#registry,
      reassignment: this.#reassignment,
    };
    return { subscriptions: unsubscribe(deps, this.#sessions.find(pushTarget), items) };
  }

  /** The listener's `auth` is another now: rights that depend on it are judged anew. The answer is of how many subscriptions. */
  authChanged(pushTarget: PushTarget): number {
    let others = 0;
    for (const subscription of this.#subscriptionsOf(pushTarget)) {
      if (this.#reassignment.authChanged(subscription)) others += 1;
    }
    return others;
  }

  /**
   * Other models are in force now: who hears of a collection whose model is another one is told so, judged anew, and told
   * the rest as of the new one. `before`: the models that were in force until now. To be called while nothing is being
   * written; `pos`: of the store.
   */
  reloaded(before: ModelSet, pos: Pos): void {
    this.#collectionFeed.skipPosition(pos);
    this.#queryFeed.skipPosition(pos);
    this.#modelReload.run(before);
  }

  /** Up to where the listener has heard of what was created in the first collection that it subscribed to. */
  positionOf(pushTarget: PushTarget): string | undefined {
    const [subscription] = this.#subscriptionsOf(pushTarget);
    if (subscription?.kind !== 'collection') return undefined;
    return this.#context.positions.text({ pos: subscription.pos, view: subscription.group.view });
  }

  /** The listener takes output again: what was held back for it is caught up (rule LIM4). */
  onDrain(pushTarget: PushTarget): void {
    for (const subscription of this.#subscriptionsOf(pushTarget)) {
      if (subscription.progress !== 'paused') continue;
      if (subscription.kind === 'query') this.#queries.resume(subscription);
      else if (subscription.kind === 'object') this.#objectCatchUp.begin(subscription);
      else this.#collectionCatchUp.begin(subscription);
    }
  }

  /** The listener is gone, and may come back as another one: what it takes to go on then, until `forget`. */
  park(pushTarget: PushTarget): readonly ResumableSubscription[] {
    const resumable = this.#subscriptionsOf(pushTarget).flatMap((subscription) => {
      if (subscription.kind !== 'query') assignGroup(this.#context, this.#registry, subscription);
      const model = this.#context.models().get(collectionNamesOf(subscription));
      return (model && resumableOf(subscription, model, this.#resumableWindows)) ?? [];
    });
    const key = this.#sessions.find(pushTarget)?.lastQueryId;
    this.drop(pushTarget);
    return key === undefined ? resumable : [...resumable, { kind: 'last-query', key }];
  }

  /** What was parked is taken, or will not be. To be called once. */
  releaseParked(resumable: readonly ResumableSubscription[]): void {
    for (const subscription of resumable) {
      const known =
        subscription.kind === 'query' ? subscription.request.resumeState?.known : undefined;
      if (known) this.#resumableWindows.release(known);
    }
  }

  /**
   * Makes subscriptions again that were parked. Resolves with the way to begin: what was missed is
   * pushed then, and a `failed` for each of them that is none any more. Never rejects for one of them.
   */
  async resume(
    pushTarget: PushTarget,
    resumable: readonly ResumableSubscription[],
  ): Promise<() => void> {
    const session = this.#sessions.open(pushTarget);
    for (const subscription of resumable)
      if ('key' in subscription) session.reserveQueryId(subscription.key);
    return await resume(this, pushTarget, rebaseResumable(resumable, this.#context.models()));
  }

  /** The listener is gone for good, and everything of it is forgotten. */
  drop(pushTarget: PushTarget): void {
    const session = this.#sessions.close(pushTarget);
    if (session) this.#inFlight.during(this.#context.slice.run(this.#endAll(session)));
  }

  *#endAll(session: LiveSession): Steps {
    for (const subscription of session.subscriptions.values()) {
      this.#registry.end(subscription);
      yield;
    }
    this.#sessions.release(session);
  }

  /**
   * Compares every topic with the store, in a few reads, and has told what is missing: for a bus that
   * was away. Rejects with `StoreUnavailable`.
   */
  async resync(): Promise<void> {
    const { store } = this.#context;
    const topics = this.#objectTopics.all();
    for (let at = 0; at < topics.length; at += comparedAtOnce) {
      const some = topics.slice(at, at + comparedAtOnce);
      const objects = await store.getMany(some.map(({ r }) => r));
      for (const [index, topic] of some.entries()) {
        this.#objectFeed.observe(topic, objects[index]?.rev ?? 0);
      }
    }
    const pos = await store.position();
    this.#collectionFeed.observe(pos);
    this.#queryFeed.observe(pos);
  }

  /** Resolves when everything that was heard is pushed, and nothing is being read for anybody. */
  async settled(): Promise<void> {
    await this.#inFlight.settled();
  }

  counts(): LiveCounts {
    const { object, collection, query } = this.#sessions.counts;
    return {
      connections: this.#sessions.size,
      subscriptions: object + collection + query,
      queries: query,
      objectTopics: this.#objectTopics.size,
      collectionTopics: this.#collectionTopics.size,
      queryGroups: this.#queryFeed.groups,
      queuedReads: this.#limiter.waiting,
      queryRows: this.#queryFeed.rows,
      resumableRows: this.#resumableWindows.rows,
    };
  }

  /** Listens to the bus no more. Subscriptions end with their connections. */
  close(): void {
    this.#stopListening();
  }

  /** Whoever holds most of what the node has not enough of gives way (rule LIM17). */
  #evict(usage: UserUsage, error: ProtocolError): void {
    for (const session of this.#sessions.all()) {
      if (session.usage !== usage) continue;
      for (const subscription of session.subscriptions.values()) {
        if (subscription.kind === 'query') this.#registry.fail([subscription], error);
      }
    }
  }

  #subscriptionsOf(pushTarget: PushTarget): Subscription[] {
    return this.#sessions.find(pushTarget)?.subscriptions.values() ?? [];
  }

  #receive(changes: readonly CommittedChange[]): void {
    for (const change of changes) {
      if (this.#isOfAnotherVersion(change)) {
        this.#observe(change);
        continue;
      }
      this.#objectFeed.receive(change);
      this.#collectionFeed.receive(change);
      this.#queryFeed.receive(change);
    }
  }

  /** Then it does not say what happened to the object as of the model that is in force: the store does. */
  #isOfAnotherVersion({ r, type, modelVersion }: CommittedChange): boolean {
    if (type === 'delete') return false;
    const names = r.split('/').filter((_, index) => index % 2 === 1);
    const model = this.#context.models().get(names);
    return model !== undefined && model.version !== modelVersion;
  }

  #observe({ r, rev, pos }: CommittedChange): void {
    const topic = this.#objectTopics.find(r);
    if (topic) this.#objectFeed.observe(topic, rev);
    this.#collectionFeed.observe(pos);
    this.#queryFeed.observe(pos);
  }
}
