import { fail, type ProtocolError } from '@really/protocol';
import type { CollectionTopic } from '../collection/collection-subscription.js';
import type { LiveContext } from '../live-context.js';
import type { ObjectTopic } from '../object/object-subscription.js';
import type { Frame } from '../push/frame.js';
import { pushError } from '../push/push-error.js';
import { failedFrame } from '../push/push-message.js';
import type { WindowCost } from '../query/window-cost.js';
import { collectionNamesOf, viewOf } from '../reload/model-change.js';
import type { LiveSession, Subscription } from './live-session.js';
import type { LiveSessions } from './live-sessions.js';
import type { Topics } from './topics.js';

/** Subscriptions that belong to a subscriber group. */
type GroupedSubscription = Exclude<Subscription, { kind: 'query' }>;

export interface RegistryIndexes {
  readonly sessions: LiveSessions;
  readonly objects: Topics<ObjectTopic>;
  readonly collections: Topics<CollectionTopic>;
}

/** Registers and ends subscriptions. */
export class SubscriptionRegistry {
  readonly #context: LiveContext;
  readonly #indexes: RegistryIndexes;

  constructor(context: LiveContext, indexes: RegistryIndexes) {
    this.#context = context;
    this.#indexes = indexes;
  }

  /**
   * Throws 429 if the connection (rule LIM3) or its uid (rules LIM17 and LIM20) has as many
   * subscriptions as it may have.
   */
  assertRoom(session: LiveSession, kind: Subscription['kind'], cost?: WindowCost): void {
    const { subscriptions, queries } = this.#context.limits;
    const isFull =
      session.subscriptions.size >= subscriptions ||
      (kind === 'query' && session.queries >= queries);
    if (isFull) throw fail('rate.limited', undefined, { meta: { retryAfter: 1 } });
    this.#context.budget.assertUserLimits(session.usage, cost);
  }

  /** Adds it to its session and its group. Throws 429 if the node is full (rule LIM20). */
  register(subscription: Subscription): void {
    this.#context.budget.acquire(subscription.session.usage, costOf(subscription));
    this.#indexes.sessions.add(subscription.session, subscription);
    attach(subscription);
  }

  /** Moves it to another group of its topic. */
  moveToGroup<S extends GroupedSubscription>(subscription: S, group: S['group']): void {
    this.#detach(subscription);
    subscription.group = group;
    attach(subscription);
  }

  /** Stops pushes without notifying the client. */
  end(subscription: Subscription): void {
    if (subscription.progress === 'ended') return;
    subscription.progress = 'ended';
    subscription.generation += 1;
    this.#indexes.sessions.remove(subscription.session, subscription);
    this.#context.budget.release(subscription.session.usage, costOf(subscription));
    this.#detach(subscription);
  }

  /** Ends it with a final push. */
  endWithPush(subscription: Subscription, last: Frame, evt: string): void {
    if (subscription.progress === 'ended') return;
    const { pushTarget } = subscription.session;
    this.end(subscription);
    pushTarget.push(last);
    this.#context.metrics.pushes.add(1, evt);
  }

  /** Ends subscriptions of one topic with a `failed` push (rule PSH7). */
  fail(subscriptions: readonly Subscription[], cause: unknown): void {
    const [first] = subscriptions;
    if (!first) return;
    const { r } = first.topic;
    const error = this.#errorFor(cause, r);
    const names = collectionNamesOf(first);
    const shared = new Map<string, Frame>();
    for (const subscription of subscriptions) {
      const under = { names, view: viewOf(subscription) };
      const key = subscription.kind === 'query' ? subscription.key : undefined;
      const sharedKey = key ?? under.view;
      const frame = shared.get(sharedKey) ?? failedFrame(r, error, { subscription: key, under });
      shared.set(sharedKey, frame);
      this.endWithPush(subscription, frame, 'failed');
    }
  }

  #errorFor(cause: unknown, r: string): ProtocolError {
    return pushError(this.#context, cause, { r });
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
  return subscription.kind === 'query' ? subscription.group.traits.cost : undefined;
}
