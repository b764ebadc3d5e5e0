import {
  type Auth,
  costOfSubscriptions,
  type JsonObject,
  namesOf,
  type ProtocolError,
  type UnsubscribeItem,
} from '@really/protocol';
import type { Bus } from '../bus/bus.js';
import type { ModelSet } from '../model/model.js';
import { ViewTexts } from '../model/view/view-text.js';
import { Budgets } from '../platform/budget.js';
import { type Metrics, noMetrics } from '../platform/metrics.js';
import { FairLimiter } from '../platform/scheduling/fair-limiter.js';
import { InFlight } from '../platform/scheduling/in-flight.js';
import { type Steps, TickSlice } from '../platform/scheduling/tick-slice.js';
import type { Tracing } from '../platform/tracing.js';
import type { CommittedChange, Pos } from '../store/stored-object.js';
import { acknowledgedObjects, acknowledgedStore } from './catch-up/acknowledged-store.js';
import { LogCursor } from './catch-up/log-cursor.js';
import { CollectionCatchUp } from './collection/collection-catch-up.js';
import { CollectionDelivery } from './collection/collection-delivery.js';
import { CollectionFeed } from './collection/collection-feed.js';
import type { CollectionTopic } from './collection/collection-subscription.js';
import { LiveBudget, type LiveBudgetDeps, type LiveLimits } from './live-budget.js';
import type { LiveContext } from './live-context.js';
import { type LiveCounts, liveMetrics } from './live-metrics.js';
import { LookupIndex } from './lookups/lookup-index.js';
import { LookupWatch } from './lookups/lookup-watch.js';
import { RightsClock } from './lookups/rights-clock.js';
import { RightsSuspension } from './lookups/rights-suspension.js';
import { ObjectCatchUp } from './object/object-catch-up.js';
import { ObjectDelivery } from './object/object-delivery.js';
import { ObjectFeed } from './object/object-feed.js';
import type { ObjectTopic } from './object/object-subscription.js';
import { Positions } from './position.js';
import { FanOutPace } from './push/fan-out.js';
import { pushError } from './push/push-error.js';
import { PushTelemetry } from './push/push-telemetry.js';
import type { PushTarget } from './push-target.js';
import { QueryFeed } from './query/query-feed.js';
import {
  type QuerySubscribeRequest,
  QuerySubscriptions,
  type SubscribedQuery,
} from './query/query-subscriptions.js';
import { GroupReassignment } from './registry/group-reassignment.js';
import type { LiveSession, Subscription } from './registry/live-session.js';
import { LiveSessions } from './registry/live-sessions.js';
import { SubscriptionRegistry } from './registry/subscription-registry.js';
import { Topics } from './registry/topics.js';
import { type UserUsage, UserUsages } from './registry/user-usages.js';
import { collectionNamesOf } from './reload/model-change.js';
import { reloadModels } from './reload/model-reload.js';
import { rebaseResumable } from './resume/rebase-resumable.js';
import { type ResumableSubscription, resumableOf } from './resume/resumable-subscription.js';
import { ResumableWindows } from './resume/resumable-windows.js';
import { resume } from './resume/resume.js';
import { type SubscribeDeps, type SubscribeResult, subscribe } from './subscribe.js';
import type { RequestedSubscription } from './subscribe-checks.js';
import { unsubscribe } from './unsubscribe.js';

export interface LiveOptions
  extends Pick<LiveContext, 'store' | 'models' | 'platform' | 'log' | 'objects' | 'queryCharge'> {
  readonly bus: Bus;
  readonly metrics?: Metrics | undefined;
  /** `undefined`: tracing is off. */
  readonly tracing?: Tracing | undefined;
  /**
   * Resolves when the writes that the store shows now have been acknowledged; `undefined`: they
   * always are. See `Committer.published`.
   */
  readonly published?: (() => Promise<void>) | undefined;
  readonly budgets?: Budgets | undefined;
  readonly pace?: FanOutPace | undefined;
  readonly limits: LiveLimits & LiveContext['limits'];
}

/** Owns the work of ending what nobody resumes: however many leave at once, it takes one turn, as each address does. */
const departed = 'departed';

/** Milliseconds of a tick for all work on subscriptions: most commands of others take several ticks. */
const liveTime = 4;

/** Concurrent store reads: of all subscriptions, and of one connection. */
const readLimits = { total: 16, perOwner: 4 };

/** Objects compared with the store per read: each may be a megabyte. */
const resyncBatch = 8;

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
  readonly #objectFeed: ObjectFeed;
  readonly #queryFeed: QueryFeed;
  readonly #queries: QuerySubscriptions;
  readonly #lookups: LookupIndex;
  readonly #lookupWatch: LookupWatch;
  readonly #deps: SubscribeDeps;
  readonly #stopListening: () => void;

  constructor(options: LiveOptions) {
    const context = contextOf(options, () => this.counts(), {
      usages: this.#usages,
      shares: () => this.#queryFeed.shares(),
      evict: (usage, error) => this.#evict(usage, error),
      endSome: (usage, count, error) => this.#endSome(usage, count, error),
    });
    const sessions = this.#sessions;
    const objects = new Topics<ObjectTopic>();
    const collections = new Topics<CollectionTopic>();
    const topics = { objects, collections };
    const { models } = context;
    const lookups = new LookupIndex({ models, all: () => sessions.subscriptions() });
    const registry = new SubscriptionRegistry(context, { sessions, lookups, ...topics });
    const objectDelivery = new ObjectDelivery(context, registry);
    const objectDeps = { registry, topics: objects, delivery: objectDelivery };
    const collectionDelivery = new CollectionDelivery(context, registry);
    const collectionDeps = { registry, topics: collections, delivery: collectionDelivery };
    const feed = new QueryFeed(context, registry);
    const resumableWindows = new ResumableWindows(options.limits.queryRows);
    const catchUps = {
      objects: new ObjectCatchUp(context, objectDeps),
      collections: new CollectionCatchUp(context, collectionDeps),
    };
    const reassignment = new GroupReassignment(context, { registry, queries: feed, ...catchUps });
    this.#context = context;
    this.#deps = { context, registry, reassignment, topics, catchUps };
    this.#resumableWindows = resumableWindows;
    this.#objectFeed = new ObjectFeed(context, objectDeps);
    this.#queryFeed = feed;
    this.#queries = new QuerySubscriptions(context, { registry, feed, resumableWindows });
    const suspension = new RightsSuspension(context, { registry, reassignment, ...catchUps });
    this.#lookupWatch = new LookupWatch(context, { sessions, suspension, index: lookups });
    this.#lookups = lookups;
    context.cursor.follow(new CollectionFeed(context, collectionDeps));
    context.cursor.follow(feed);
    this.#stopListening = options.bus.listen((changes) => this.#receive(changes));
  }

  /** The store's epoch. */
  get epoch(): string {
    return this.#context.store.epoch.id;
  }

  /** Grows when an object changes that anybody's rights depend on. */
  get rightsTime(): number {
    return this.#context.rightsClock.total;
  }

  /** Does long work of a client in several ticks, within the time for all work on subscriptions (rule LIM43). */
  async inSlices<T>(steps: Steps<T>, address: string | undefined): Promise<T> {
    const results: T[] = [];
    await this.#context.slice.run(collect(steps, results), address);
    return results[0] as T;
  }

  /** The reader's view of a collection, or of what is at or below an R, if there is a model. */
  viewOf(names: readonly string[], auth: Auth, r?: string): string | undefined {
    const model = this.#context.models().get(names);
    if (!model) return undefined;
    const { views } = this.#context;
    return r === undefined ? views.of(model, auth) : views.at(model, auth, r).view;
  }

  /** As `viewOf`; `undefined` where the rights are those of each object, or are not known at once. */
  sharedViewOf(names: readonly string[], auth: Auth, r: string): string | undefined {
    const model = this.#context.models().get(names);
    const at = model && this.#context.views.at(model, auth, r);
    return at?.isShared ? at.view : undefined;
  }

  /** The subscribe command. A failed item is reported in the response and does not reject. */
  async subscribe(
    pushTarget: PushTarget,
    items: readonly RequestedSubscription[],
  ): Promise<SubscribeResult> {
    return await subscribe(this.#deps, this.#sessions.open(pushTarget), items);
  }

  /** Resolves with its window. Rejects with 403, 404, 410 `position.gone`, 429 or 503. */
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
    return { subscriptions: unsubscribe(this.#deps, this.#sessions.find(pushTarget), items) };
  }

  /** Ends a live query whose read failed, unless it has ended already. */
  abandonQuery(pushTarget: PushTarget, id: string): void {
    const subscription = this.#sessions.find(pushTarget)?.subscriptions.get(id);
    if (subscription) this.#deps.registry.end(subscription);
  }

  /** The Rs that this connection is subscribed to: objects, collections, and those of queries. */
  subscribedRs(pushTarget: PushTarget): string[] {
    return this.#subscriptionsOf(pushTarget).map((subscription) => subscription.topic.r);
  }

  /**
   * Authorizes the subscriptions of this connection again after its `auth` changed. Returns what
   * that costs, in commands: one for each that may have other rights, and one for twenty others.
   */
  authChanged(pushTarget: PushTarget): number {
    const subscriptions = this.#subscriptionsOf(pushTarget);
    for (const subscription of subscriptions) this.#lookups.update(subscription);
    const concerned = this.#deps.reassignment.reauthorize(subscriptions, 'auth');
    return concerned + costOfSubscriptions(subscriptions.length - concerned);
  }

  /**
   * Call after the models were replaced, while nothing is being written. Clients of a changed
   * collection are sent `schemaUpdated`, authorized again and caught up under the new model.
   * `before`: the previous models; `pos`: the store's position.
   */
  reloaded(before: ModelSet, pos: Pos): void {
    this.#lookupWatch.skipPosition(pos);
    this.#context.cursor.skip(pos);
    const { reassignment } = this.#deps;
    const deps = { sessions: this.#sessions, reassignment, queries: this.#queryFeed };
    this.#lookupWatch.reloaded(reloadModels(this.#context, deps, before));
  }

  /** How far it has received the creations of the first collection that it subscribed to. */
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
      else if (subscription.kind === 'object') this.#deps.catchUps.objects.begin(subscription);
      else this.#deps.catchUps.collections.begin(subscription);
    }
  }

  /** It dropped and may resume. Returns what resuming needs; keep it until `releaseParked`. */
  park(pushTarget: PushTarget): readonly ResumableSubscription[] {
    const resumable = this.#subscriptionsOf(pushTarget).flatMap((subscription) => {
      // A live one is in the group of its rights.
      const isOutdated = subscription.kind !== 'query' && subscription.progress !== 'live';
      if (isOutdated) this.#deps.registry.assignGroup(subscription);
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
      if (subscription.kind !== 'query') continue;
      const known = subscription.request.resumeState?.known;
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
    if (!session) return;
    const { inFlight, slice } = this.#context;
    inFlight.during(slice.run(this.#endAll(session), departed));
  }

  *#endAll(session: LiveSession): Steps {
    for (const subscription of session.subscriptions.values()) {
      this.#deps.registry.end(subscription);
      yield;
    }
    this.#sessions.release(session);
  }

  /**
   * Compares every topic with the store in a few reads and delivers what is missing. Call after the
   * bus was unavailable. Rejects with `StoreUnavailable`.
   */
  async resync(): Promise<void> {
    const { store, slice } = this.#context;
    const topics = this.#deps.topics.objects.all();
    for (let at = 0; at < topics.length; at += resyncBatch) {
      const batch = topics.slice(at, at + resyncBatch);
      const objects = await store.getMany(batch.map(({ r }) => r));
      for (const [index, topic] of batch.entries()) {
        this.#objectFeed.observe(topic, objects[index]?.rev ?? 0);
      }
      if (slice.isOver) await slice.rest();
    }
    const pos = await store.position();
    this.#lookupWatch.observe(pos);
    this.#context.cursor.observe(pos);
  }

  /** Resolves when all received changes are pushed and no read is in flight. */
  async settled(): Promise<void> {
    await this.#context.inFlight.settled();
  }

  counts(): LiveCounts {
    const { object, collection, query } = this.#sessions.counts;
    return {
      connections: this.#sessions.size,
      subscriptions: object + collection + query,
      queries: query,
      objectTopics: this.#deps.topics.objects.size,
      collectionTopics: this.#deps.topics.collections.size,
      queryGroups: this.#queryFeed.groups,
      queuedReads: this.#context.limiter.waiting,
      queryRows: this.#queryFeed.rows,
      resumableRows: this.#resumableWindows.rows,
      pausedRows: this.#queries.pausedRows,
    };
  }

  /** Stops listening to the bus. Subscriptions end with their connections. */
  close(): void {
    this.#stopListening();
  }

  /** Ends the live queries of one user, to make room (rule LIM17). */
  #evict(usage: UserUsage, error: ProtocolError): void {
    for (const subscription of this.#sessions.subscriptionsOf(usage))
      if (subscription.kind === 'query') this.#deps.registry.fail([subscription], error);
  }

  /** Ends some subscriptions of one user to objects and collections, to make room (rule LIM20). */
  #endSome(usage: UserUsage, count: number, error: ProtocolError): void {
    let left = count;
    for (const subscription of this.#sessions.subscriptionsOf(usage)) {
      if (subscription.kind === 'query') continue;
      if (left === 0) return;
      left -= 1;
      this.#deps.registry.fail([subscription], error);
    }
  }

  #subscriptionsOf(pushTarget: PushTarget): Subscription[] {
    return this.#sessions.find(pushTarget)?.subscriptions.values() ?? [];
  }

  #receive(changes: readonly CommittedChange[]): void {
    this.#lookupWatch.receive(changes);
    for (const change of changes) {
      if (this.#isOfAnotherVersion(change)) {
        this.#observe(change);
      } else {
        this.#objectFeed.receive(change);
        this.#context.cursor.receive(change);
      }
    }
  }

  /** If so, the change cannot be applied under the current model, and the store has to be read. */
  #isOfAnotherVersion({ r, type, modelVersion }: CommittedChange): boolean {
    if (type === 'delete') return false;
    const model = this.#context.models().get(namesOf(r));
    return model !== undefined && model.version !== modelVersion;
  }

  #observe({ r, rev, pos }: CommittedChange): void {
    const topic = this.#deps.topics.objects.find(r);
    if (topic) this.#objectFeed.observe(topic, rev);
    this.#context.cursor.observe(pos);
  }
}

function* collect<T>(steps: Steps<T>, results: T[]): Steps {
  results.push(yield* steps);
}

function contextOf(
  options: LiveOptions,
  counts: () => LiveCounts,
  budgetDeps: Pick<LiveBudgetDeps, 'usages' | 'shares' | 'evict' | 'endSome'>,
): LiveContext {
  const { metrics = noMetrics, tracing, published, limits, platform } = options;
  const { budgets = new Budgets(metrics), pace = new FanOutPace(), store, objects } = options;
  const { usages } = budgetDeps;
  const { clock } = platform;
  const inFlight = new InFlight();
  const slice = new TickSlice(clock, liveTime);
  return {
    ...options,
    objects: published ? acknowledgedObjects(objects, published) : objects,
    usages,
    budget: new LiveBudget({ ...budgetDeps, limits, budgets, clock }),
    inFlight,
    limiter: new FairLimiter(readLimits, { inFlight, slice }),
    cursor: new LogCursor(),
    slice,
    pace,
    store: published ? acknowledgedStore(store, published) : store,
    views: new ViewTexts(() => store.epoch),
    rightsClock: new RightsClock(),
    positions: new Positions(() => store.epoch),
    metrics: liveMetrics(metrics, counts),
    telemetry: new PushTelemetry({ clock, metrics, tracing }),
  };
}
