import type { Model } from '../../model/model.js';
import type { CollectionCatchUp } from '../collection/collection-catch-up.js';
import type { CollectionSubscription } from '../collection/collection-subscription.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { ObjectCatchUp } from '../object/object-catch-up.js';
import type { ObjectSubscription } from '../object/object-subscription.js';
import type { QuerySubscriptions } from '../query/query-subscriptions.js';
import { collectionNamesOf, viewOf } from '../reload/model-change.js';
import { groupTraitsOf } from '../subscribe-checks.js';
import type { Subscription } from './live-session.js';
import type { SubscriptionRegistry } from './subscription-registry.js';

/** Subscriptions with selected fields. */
type GroupedSubscription = Exclude<Subscription, { kind: 'query' }>;

/** Moves subscriptions to another subscriber group when their fields or rights change. */
export class GroupReassignment {
  readonly #context: LiveContext;
  readonly #registry: SubscriptionRegistry;
  readonly #objects: ObjectCatchUp;
  readonly #collections: CollectionCatchUp;
  readonly #queries: QuerySubscriptions;

  constructor(
    context: LiveContext,
    deps: {
      registry: SubscriptionRegistry;
      objects: ObjectCatchUp;
      collections: CollectionCatchUp;
      queries: QuerySubscriptions;
    },
  ) {
    this.#context = context;
    this.#registry = deps.registry;
    this.#objects = deps.objects;
    this.#collections = deps.collections;
    this.#queries = deps.queries;
  }

  /** Cancels deliveries of the old group, and reads again for the new one. */
  reassign(subscription: GroupedSubscription, fields: readonly string[] | undefined): void {
    if (subscription.kind === 'object') this.#moveObject(subscription, fields);
    else this.#moveCollection(subscription, fields);
  }

  /**
   * The connection's `auth` changed. Nothing more is pushed under the old rights; the move to the
   * new group waits for the limiter, since there may be ten thousand (rule LIM43). True if the
   * rights changed.
   */
  authChanged(subscription: Subscription): boolean {
    const model = modelOf(this.#context, collectionNamesOf(subscription));
    const { auth } = subscription.session.pushTarget;
    if (model && this.#context.views.of(model, auth) === viewOf(subscription)) return false;
    subscription.session.pushTarget.discardSent?.(subscription.key);
    if (subscription.kind === 'query') this.#queries.authChanged(subscription);
    else if (model && subscription.kind === 'object') this.#reauthorizeObject(subscription, model);
    else if (model && subscription.kind === 'collection') this.#collections.reassign(subscription);
    return true;
  }

  /** Authorizes again, and replays what the old group may have received meanwhile. */
  #reauthorizeObject(subscription: ObjectSubscription, model: Model): void {
    forgetEarlierVisibility(subscription, model);
    if (subscription.progress === 'live') subscription.catchUpMode = 'revisions';
    if (subscription.progress === 'live' || subscription.progress === 'behind')
      this.#objects.begin(subscription);
  }

  #moveObject(subscription: ObjectSubscription, fields: readonly string[] | undefined): void {
    const model = modelOf(this.#context, subscription.topic.names);
    // If the model was removed, the next push reports it.
    const traits =
      model && groupTraitsOf(this.#context, model, fields, subscription.session.pushTarget);
    if (!traits || traits.key === subscription.group.key) return;
    this.#registry.moveToGroup(subscription, subscription.topic.group(traits));
    if (subscription.progress === 'live') subscription.catchUpMode = 'revisions';
    // Authorizes again, and replays what the old group may have received meanwhile.
    if (subscription.progress === 'live' || subscription.progress === 'behind')
      this.#objects.begin(subscription);
  }

  #moveCollection(
    subscription: CollectionSubscription,
    fields: readonly string[] | undefined,
  ): void {
    const model = modelOf(this.#context, subscription.topic.scope.names);
    const traits =
      model && groupTraitsOf(this.#context, model, fields, subscription.session.pushTarget);
    if (!traits || traits.key === subscription.group.key) return;
    this.#registry.moveToGroup(subscription, subscription.topic.group(traits));
    const isMissingOut =
      subscription.progress === 'live' && subscription.topic.backlog !== undefined;
    if (isMissingOut || subscription.progress === 'behind') this.#collections.begin(subscription);
  }
}

/**
 * Which fields were hidden at the subscriber's revision can be computed only with the old `auth`.
 * If that was not done yet, a snapshot has to be sent.
 */
function forgetEarlierVisibility(subscription: ObjectSubscription, { hooks }: Model): void {
  const isForgotten = subscription.hidden === undefined && hooks.preGet !== undefined;
  if (isForgotten && subscription.catchUpMode === 'revisions') subscription.catchUpMode = 'renewed';
}
