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
  /** `undefined`: tracing is off. */
  readonly tracing?: Tracing | undefined;
  readonly objects: Pick<Objects, 'heads'>;
  /**
   * Resolves when the writes that the store shows now have been acknowledged; `undefined`: they
   * always are. See `Committer.published`.
   */
  readonly published?: (() => Promise<void>) | undefined;
  readonly budgets?: Budgets | undefined;
  readonly pace?: FanOutPace | undefined;
  readonly limits: LiveLimits &
    Pick<Limits, 'subscriptions' | 'queries' | 'queryRows' | 'queryTime'>;
}

/** Concurrent store reads: of all subscriptions, and of one connection. */
const readLimits = { total: 16, perOwner: 4 };

/** Objects compared with the store per read. */
const resyncBatch = 256;

/**
 * Live subscriptions: clients subscribe with commands, changes arrive on the bus. Each push is
 * authorized and encoded once per subscriber group, and sent to the connections of its members.
 *
 * The bus is only a hint: every subscription has a cursor, and changes that the bus left out are
 * read from the store. See docs/decisions/0005-live.md.
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

  /** The store's epoch. */
  get epoch(): string {
    return this.#context.store.epoch.id;
  }

  /** The reader's view of a collection; `undefined` if it has no model. */
  viewOf(names: readonly string[], auth: Auth): string | undefined {
    const model = this.#context.models().get(names);
    return model && this.#context.views.of(model, auth);
  }

  /** The subscribe command. A failed item is reported in the response and does not reject. */
  async subscribe(
    pushTarget: PushTarget,
    items: readonly RequestedSubscription[],
  ): Promise<SubscribeResult> {
    return await subscribe(this.#deps, this.#sessions.open(pushTarget), items);
  }

  /**
   * Subscribes to a query; its window is the response of the read. Rejects with 403, 404, 410
   * `position.gone`, 429 or 503.
   */
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

  /** The unsubscribe command. Returns the body of the response; throws like `unsubscribe`. */
  unsubscribe(pushTarget: PushTarget, items: readonly UnsubscribeItem[]): JsonObject {
    const deps = {
      context: this.#context,
      registry: this.#registry,
      reassignment: this.#reassignment,
    };
    return { subscriptions: unsubscribe(deps, this.#sessions.find(pushTarget), items) };
  }

  /**
   * Authorizes the subscriptions of this connection again after its `auth` changed. Returns how
   * many got other rights.
   */
  authChanged(pushTarget: PushTarget): number {
    let changed = 0;
    for (const subscription of this.#subscriptionsOf(pushTarget)) {
      if (this.#reassignment.authChanged(subscription)) changed += 1;
    }
    return changed;
  }

  /**
   * Call after the models were replaced, while nothing is being written. Clients of a changed
   * collection are sent `schemaUpdated`, authorized again and caught up under the new model.
   * `before`: the previous models; `pos`: the store's position.
   */
  reloaded(before: ModelSet, pos: Pos): void {
    this.#collectionFeed.skipPosition(pos);
    this.#queryFeed.skipPosition(pos);
    this.#modelReload.run(before);
  }

  /**
   * How far the connection has received the creations of the first collection that it subscribed
   * to.
   */
  positionOf(pushTarget: PushTarget): string | undefined {
    const [subscription] = this.#subscriptionsOf(pushTarget);
    if (subscription?.kind !== 'collection') return undefined;
    return this.#context.positions.text({ pos: subscription.pos, view: subscription.group.view });
  }

  /** The connection accepts output again: catches up its paused subscriptions (rule LIM4). */
  onDrain(pushTarget: PushTarget): void {
    for (const subscription of this.#subscriptionsOf(pushTarget)) {
      if (subscription.progress !== 'paused') continue;
      if (subscription.kind === 'query') this.#queries.resume(subscription);
      else if (subscription.kind === 'object') this.#objectCatchUp.begin(subscription);
      else this.#collectionCatchUp.begin(subscription);
    }
  }

  /**
   * The connection dropped and may resume. Returns what resuming needs; keep it until
   * `releaseParked`.
   */
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

  /** Call once, when the result of `park` was resumed or has expired. */
  releaseParked(resumable: readonly ResumableSubscription[]): void {
    for (const subscription of resumable) {
      const known =
        subscription.kind === 'query' ? subscription.request.resumeState?.known : undefined;
      if (known) this.#resumableWindows.release(known);
    }
  }

  /**
   * Restores the subscriptions returned by `park`. Resolves with a function that starts the pushes:
   * missed ones first, and a `failed` for each subscription that could not be restored. Does not
   * reject for a single subscription.
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

  /** Ends everything of a connection that will not resume. */
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
   * Compares every topic with the store in a few reads and delivers what is missing. Call after the
   * bus was unavailable. Rejects with `StoreUnavailable`.
   */
  async resync(): Promise<void> {
    const { store } = this.#context;
    const topics = this.#objectTopics.all();
    for (let at = 0; at < topics.length; at += resyncBatch) {
      const batch = topics.slice(at, at + resyncBatch);
      const objects = await store.getMany(batch.map(({ r }) => r));
      for (const [index, topic] of batch.entries()) {
        this.#objectFeed.observe(topic, objects[index]?.rev ?? 0);
      }
    }
    const pos = await store.position();
    this.#collectionFeed.observe(pos);
    this.#queryFeed.observe(pos);
  }

  /** Resolves when all received changes are pushed and no read is in flight. */
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

  /** Stops listening to the bus. Subscriptions end with their connections. */
  close(): void {
    this.#stopListening();
  }

  /** Ends the live queries of one user, to make room (rule LIM17). */
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

  /** If so, the change cannot be applied under the current model, and the store has to be read. */
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
