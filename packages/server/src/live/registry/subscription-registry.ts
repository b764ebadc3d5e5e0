import { fail, type ProtocolError } from '@really/protocol';
import type { CollectionTopic } from '../collection/collection-subscription.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { LookupIndex } from '../lookups/lookup-index.js';
import type { ObjectTopic } from '../object/object-subscription.js';
import type { Frame } from '../push/frame.js';
import { pushError } from '../push/push-error.js';
import { failedFrame } from '../push/push-message.js';
import type { QuerySubscription } from '../query/query-subscription.js';
import type { WindowCost } from '../query/window-cost.js';
import { collectionNamesOf, survivingFields, viewOf } from '../reload/model-change.js';
import { groupTraitsOf, objectGroupTraitsOf } from './group-traits.js';
import type { LiveSession, Subscription } from './live-session.js';
import type { LiveSessions } from './live-sessions.js';
import type { SubscriberGroupTraits } from './subscriber-group.js';
import type { Topics } from './topics.js';

/** Subscriptions that belong to a subscriber group. */
export type GroupedSubscription = Exclude<Subscription, { kind: 'query' }>;

export interface RegistryIndexes {
  readonly sessions: LiveSessions;
  readonly objects: Topics<ObjectTopic>;
  readonly collections: Topics<CollectionTopic>;
  readonly lookups: LookupIndex;
}

/** Exactly one of the two ends it: `register`, unless it throws, or `release`. */
export interface QueryReservation {
  /** Throws 429 if the connection has as many subscriptions as it may have by now. */
  register(subscription: QuerySubscription): void;
  release(): void;
}

/** Registers and ends subscriptions. */
export class SubscriptionRegistry {
  readonly #context: LiveContext;
  readonly #indexes: RegistryIndexes;
  /** Of subscriptions that ended before their response was queued: their final pushes. */
  readonly #unsent = new WeakMap<Subscription, () => void>();

  constructor(context: LiveContext, indexes: RegistryIndexes) {
    this.#context = context;
    this.#indexes = indexes;
  }

  /**
   * Throws 429 if the connection (rule LIM3) or its owner (rules LIM17 and LIM20) has as many
   * subscriptions as it may have. May end subscriptions of others to objects and collections.
   */
  assertRoom(session: LiveSession, kind: Subscription['kind'], cost?: WindowCost): void {
    this.#assertSessionRoom(session, kind);
    this.#context.budget.assertUserLimits(session.usage, cost);
    this.#context.budget.makeRoom(session.usage);
  }

  #assertSessionRoom(session: LiveSession, kind: Subscription['kind']): void {
    const { subscriptions, queries } = this.#context.limits;
    const isFull =
      session.subscriptions.size >= subscriptions ||
      (kind === 'query' && session.queries >= queries);
    if (isFull) throw fail.rateLimited();
  }

  /** Adds it to its session and its group. Throws 429 if the node is full (rule LIM20). */
  register(subscription: Subscription): void {
    this.#context.budget.acquire(subscription.session.usage, costOf(subscription));
    this.#add(subscription);
  }

  /**
   * What a live query takes while its window is read, until it is registered or `release` is called.
   * Throws as `assertRoom` and `register`.
   */
  reserveQuery(session: LiveSession, cost: WindowCost): QueryReservation {
    this.assertRoom(session, 'query', cost);
    const { budget, usages } = this.#context;
    budget.acquire(session.usage, cost);
    return {
      register: (subscription) => {
        this.#assertSessionRoom(session, 'query');
        this.#add(subscription);
      },
      release: () => {
        budget.release(session.usage, cost);
        usages.forgetIfUnused(session.usage);
      },
    };
  }

  #add(subscription: Subscription): void {
    this.#indexes.sessions.add(subscription.session, subscription);
    this.#indexes.lookups.add(subscription);
    attach(subscription);
  }

  /**
   * Moves it to the group of its topic that these fields (by default its own), the current models
   * and its connection's `auth` call for; false if it is in it. A subscription that is not live may
   * stay in an outdated group until it is caught up: it receives nothing there. What its rights
   * depend on is watched again from here on: see `unwatchRights`.
   */
  assignGroup(
    subscription: GroupedSubscription,
    { fields }: Pick<SubscriberGroupTraits, 'fields'> = subscription.group,
  ): boolean {
    this.watchRights(subscription);
    const model = modelOf(this.#context, collectionNamesOf(subscription));
    // If the model was removed, the next push reports it.
    if (!model) return false;
    const traitsOf = subscription.kind === 'object' ? objectGroupTraitsOf : groupTraitsOf;
    const asked = { r: subscription.topic.r, fields: survivingFields(model, fields) };
    const traits = traitsOf(this.#context, model, asked, subscription.session.pushTarget);
    if (traits.key === subscription.group.key) return false;
    // The new group comes first: a topic without groups is removed.
    if (subscription.kind === 'object')
      this.#moveTo(subscription, subscription.topic.group(traits));
    else this.#moveTo(subscription, subscription.topic.group(traits));
    return true;
  }

  /** Its rights will be looked up before anything is pushed: until then their changes do not matter. */
  unwatchRights(subscription: GroupedSubscription): void {
    this.#indexes.lookups.remove(subscription);
  }

  /** Call before its rights are looked up. */
  watchRights(subscription: GroupedSubscription): void {
    if (subscription.progress !== 'ended') this.#indexes.lookups.add(subscription);
  }

  #moveTo<S extends GroupedSubscription>(subscription: S, group: S['group']): void {
    this.#detach(subscription);
    const { recorder } = subscription.group;
    // Until it is authorized there, what it was authorized by before is watched.
    if (recorder) group.recorder?.addAll(recorder);
    subscription.group = group;
    attach(subscription);
    if (recorder || group.recorder) this.#indexes.lookups.update(subscription);
  }

  /** Stops pushes without notifying the client. */
  end(subscription: Subscription): void {
    if (subscription.progress === 'ended') return;
    subscription.end();
    this.#indexes.sessions.remove(subscription.session, subscription);
    this.#indexes.lookups.remove(subscription);
    this.#context.budget.release(subscription.session.usage, costOf(subscription));
    this.#detach(subscription);
  }

  /** Ends it with a final push, which comes after its response (rule SUB1). */
  endWithPush(subscription: Subscription, last: Frame, evt: string): void {
    const { progress, session } = subscription;
    if (progress === 'ended') return;
    this.end(subscription);
    const push = () => {
      session.pushTarget.push(last);
      this.#context.metrics.pushes.add(1, evt);
    };
    if (progress === 'waiting') this.#unsent.set(subscription, push);
    else push();
  }

  /** Its response is queued: calls `begin`, or pushes what ended it meanwhile. */
  start(subscription: Subscription, begin: () => void): void {
    if (subscription.progress === 'waiting') begin();
    this.#unsent.get(subscription)?.();
    this.#unsent.delete(subscription);
  }

  /** Ends subscriptions of one topic with a `failed` push (rule PSH7). */
  fail(subscriptions: readonly Subscription[], cause: unknown): void {
    const fail = this.failing(cause);
    for (const subscription of subscriptions) fail(subscription);
  }

  /** As `fail`, for one after the other: they share frames, and the error is logged once. */
  failing(cause: unknown): (subscription: Subscription) => void {
    let error: ProtocolError | undefined;
    const shared = new Map<string, Frame>();
    return (subscription) => {
      const { r } = subscription.topic;
      error ??= pushError(this.#context, cause, { r });
      const names = collectionNamesOf(subscription);
      const under = { names, r, view: viewOf(subscription) };
      const key = subscription.kind === 'query' ? subscription.key : undefined;
      const sharedKey = key ?? under.view;
      const frame = shared.get(sharedKey) ?? failedFrame(r, error, { subscription: key, under });
      shared.set(sharedKey, frame);
      this.endWithPush(subscription, frame, 'failed');
    };
  }

  #detach(subscription: Subscription): void {
    if (subscription.kind === 'object') this.#indexes.objects.detach(subscription);
    else if (subscription.kind === 'query') subscription.group.detach(subscription);
    else this.#indexes.collections.detach(subscription);
  }
}

function attach(subscription: Subscription): void {
  if (subscription.kind === 'object') subscription.group.add(subscription);
  else if (subscription.kind === 'query') subscription.group.attach(subscription);
  else subscription.group.add(subscription);
}

function costOf(subscription: Subscription): WindowCost | undefined {
  return subscription.kind === 'query' ? subscription.cost : undefined;
}
