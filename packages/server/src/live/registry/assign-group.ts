import { type LiveContext, modelOf } from '../live-context.js';
import { collectionNamesOf, survivingFields } from '../reload/model-change.js';
import { groupTraitsOf } from '../subscribe-checks.js';
import type { Subscription } from './live-session.js';
import type { SubscriptionRegistry } from './subscription-registry.js';

/** Subscriptions that belong to a subscriber group. */
type GroupedSubscription = Exclude<Subscription, { kind: 'query' }>;

/**
 * Moves a subscription to the group that the current models and its connection's `auth` call for. A
 * subscription that is not live may stay in an outdated group until it is caught up: it receives
 * nothing there.
 */
export function assignGroup(
  context: LiveContext,
  registry: SubscriptionRegistry,
  subscription: GroupedSubscription,
): void {
  const model = modelOf(context, collectionNamesOf(subscription));
  // If the model was removed, the next push reports it.
  if (!model) return;
  const fields = survivingFields(model, subscription.group.fields);
  const traits = groupTraitsOf(context, model, fields, subscription.session.pushTarget);
  if (traits.key === subscription.group.key) return;
  if (subscription.kind === 'object')
    registry.moveToGroup(subscription, subscription.topic.group(traits));
  else registry.moveToGroup(subscription, subscription.topic.group(traits));
}
