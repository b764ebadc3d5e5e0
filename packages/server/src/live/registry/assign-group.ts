import { type LiveContext, modelOf } from '../live-context.js';
import { collectionNamesOf, survivingFields } from '../reload/model-change.js';
import { groupTraitsOf } from '../subscribe-checks.js';
import type { Subscription } from './live-session.js';
import type { SubscriptionRegistry } from './subscription-registry.js';

/** Those that sit in an audience. */
type GroupedSubscription = Exclude<Subscription, { kind: 'query' }>;

/**
 * Moves a subscription to the audience where it belongs by the models in force and the `auth` of its listener, if it does not sit
 * there already. One that is not live may sit in an earlier one until it is its turn to be read for: nothing is told to it there.
 */
export function assignGroup(
  context: LiveContext,
  members: SubscriptionRegistry,
  subscription: GroupedSubscription,
): void {
  const model = modelOf(context, collectionNamesOf(subscription));
  // Where the model is gone, the next push tells.
  if (!model) return;
  const fields = survivingFields(model, subscription.group.fields);
  const traits = groupTraitsOf(context, model, fields, subscription.session.pushTarget);
  if (traits.key === subscription.group.key) return;
  if (subscription.kind === 'object')
    members.moveToGroup(subscription, subscription.topic.group(traits));
  else members.moveToGroup(subscription, subscription.topic.group(traits));
}
