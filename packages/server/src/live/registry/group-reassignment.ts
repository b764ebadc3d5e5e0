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

/** Those whose fields can be others. */
type GroupedSubscription = Exclude<Subscription, { kind: 'query' }>;

/** Moves subscriptions whose fields or rights are others now to the audience where they belong. */
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

  /** What is on the way to it in its old audience stops, and is read again for the new one. */
  reassign(subscription: GroupedSubscription, fields: readonly string[] | undefined): void {
    if (subscription.kind === 'object') this.#moveObject(subscription, fields);
    else this.#moveCollection(subscription, fields);
  }

  /**
   * Its listener has another `auth` now. From here on nothing is told to it by the earlier one; where it belongs now it goes when it is
   * its turn, since there may be ten thousand (rule LIM43). True where its rights are others.
   */
  authChanged(subscription: Subscription): boolean {
    const model = modelOf(this.#context, collectionNamesOf(subscription));
    const { auth } = subscription.session.pushTarget;
    if (model && this.#context.views.of(model, auth) === viewOf(subscription)) return false;
    subscription.session.pushTarget.discardSent?.(subscription.key);
    if (subscription.kind === 'query') this.#queries.authChanged(subscription);
    else if (model && subscription.kind === 'object') this.#reauthorizeObject(subscription, model);
    else if (model && subscription.kind === 'collection') this.#collections.reseat(subscription);
    return true;
  }

  /** It is judged anew, and told of what its old audience may have heard meanwhile. */
  #reauthorizeObject(subscription: ObjectSubscription, model: Model): void {
    forgetEarlierVisibility(subscription, model);
    if (subscription.progress === 'live') subscription.catchUpMode = 'revisions';
    if (subscription.progress === 'live' || subscription.progress === 'behind')
      this.#objects.begin(subscription);
  }

  #moveObject(subscription: ObjectSubscription, fields: readonly string[] | undefined): void {
    const model = modelOf(this.#context, subscription.topic.names);
    // Where the model is gone, the next push tells.
    const traits =
      model && groupTraitsOf(this.#context, model, fields, subscription.session.pushTarget);
    if (!traits || traits.key === subscription.group.key) return;
    this.#registry.moveToGroup(subscription, subscription.topic.group(traits));
    if (subscription.progress === 'live') subscription.catchUpMode = 'revisions';
    // It is judged anew, and told of what its old audience may have heard meanwhile.
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
 * What it saw at its revision can be found out only under the `auth` that it had then. So where that
 * has not been done yet, a snapshot has to stand for everything.
 */
function forgetEarlierVisibility(subscription: ObjectSubscription, { hooks }: Model): void {
  const isForgotten = subscription.hidden === undefined && hooks.preGet !== undefined;
  if (isForgotten && subscription.catchUpMode === 'revisions') subscription.catchUpMode = 'renewed';
}
