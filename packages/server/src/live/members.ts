import { fail, type ProtocolError } from '@really/protocol';
import type { CollectionTopic } from './collection-topic.js';
import type { Frame } from './frame.js';
import type { LiveContext } from './live-context.js';
import { collectionNamesOf, viewOf } from './model-change.js';
import type { ObjectTopic } from './object-topic.js';
import { pushError } from './push-error.js';
import { failedFrame } from './push-message.js';
import type { Session, Subscription } from './session.js';
import type { Sessions } from './sessions.js';
import type { Topics } from './topics.js';
import type { WindowPrice } from './window-price.js';

/** Those that sit in an audience. */
type Seated = Exclude<Subscription, { kind: 'query' }>;

export interface Places {
  readonly sessions: Sessions;
  readonly objects: Topics<ObjectTopic>;
  readonly collections: Topics<CollectionTopic>;
}

/** Where subscriptions begin and end. */
export class Members {
  readonly #context: LiveContext;
  readonly #places: Places;

  constructor(context: LiveContext, places: Places) {
    this.#context = context;
    this.#places = places;
  }

  /** Throws 429 where the connection has as many subscriptions as it may have (rule LIM3), or its uid (rules LIM17 and LIM20). */
  demandRoom(session: Session, kind: Subscription['kind'], price?: WindowPrice): void {
    const { subscriptions, queries } = this.#context.limits;
    const isFull =
      session.subscriptions.size >= subscriptions ||
      (kind === 'query' && session.queries >= queries);
    if (isFull) throw fail('rate.limited', undefined, { meta: { retryAfter: 1 } });
    this.#context.budget.demand(session.share, price);
  }

  /** It has a seat in its audience from now on, and its connection knows it. Throws 429 where the node has no room (rule LIM20). */
  begin(subscription: Subscription): void {
    this.#context.budget.take(subscription.session.share, priceOf(subscription));
    this.#places.sessions.add(subscription.session, subscription);
    sit(subscription);
  }

  /** Moves it to another audience of its topic. */
  move<S extends Seated>(subscription: S, audience: S['audience']): void {
    this.#leave(subscription);
    subscription.audience = audience;
    sit(subscription);
  }

  /** Nothing is pushed to it any more. Its connection is told by the caller, or knows. */
  end(subscription: Subscription): void {
    if (subscription.progress === 'ended') return;
    subscription.progress = 'ended';
    subscription.round += 1;
    this.#places.sessions.remove(subscription.session, subscription);
    this.#context.budget.giveBack(subscription.session.share, priceOf(subscription));
    this.#leave(subscription);
  }

  /** Ends it with a last push. */
  endWith(subscription: Subscription, last: Frame, evt: string): void {
    if (subscription.progress === 'ended') return;
    const { listener } = subscription.session;
    this.end(subscription);
    listener.push(last);
    this.#context.metrics.pushes.add(1, evt);
  }

  /** Ends subscriptions of one topic, and tells their connections why (rule PSH7). */
  fail(subscriptions: readonly Subscription[], cause: unknown): void {
    const [first] = subscriptions;
    if (!first) return;
    const { r } = first.topic;
    const error = this.#told(cause, r);
    const names = collectionNamesOf(first);
    const shared = new Map<string, Frame>();
    for (const one of subscriptions) {
      const under = { names, view: viewOf(one) };
      const subscription = one.kind === 'query' ? one.key : undefined;
      const key = subscription ?? under.view;
      const frame = shared.get(key) ?? failedFrame(r, error, { subscription, under });
      shared.set(key, frame);
      this.endWith(one, frame, 'failed');
    }
  }

  #told(cause: unknown, r: string): ProtocolError {
    return pushError(this.#context, cause, { r });
  }

  #leave(subscription: Subscription): void {
    if (subscription.kind === 'object') this.#places.objects.leave(subscription);
    else if (subscription.kind === 'query') subscription.group.leave(subscription);
    else this.#places.collections.leave(subscription);
  }
}

function sit(subscription: Subscription): void {
  if (subscription.kind === 'object') subscription.audience.add(subscription);
  else if (subscription.kind === 'query') subscription.group.sit(subscription);
  else subscription.audience.add(subscription);
}

function priceOf(subscription: Subscription): WindowPrice | undefined {
  return subscription.kind === 'query' ? subscription.group.traits.price : undefined;
}
