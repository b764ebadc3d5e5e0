import { fail, type UnsubscribeItem } from '@really/protocol';
import { type LiveContext, modelOf } from './live-context.js';
import type { GroupReassignment } from './registry/group-reassignment.js';
import type { LiveSession, Subscription } from './registry/live-session.js';
import type { SubscriptionRegistry } from './registry/subscription-registry.js';
import { collectionNamesOf } from './reload/model-change.js';
import { requestedFields } from './subscribe-checks.js';

export interface UnsubscribeDeps {
  readonly context: LiveContext;
  readonly registry: SubscriptionRegistry;
  readonly reassignment: GroupReassignment;
}

/**
 * Rule UNS1. Returns the Rs and ids of the ended subscriptions in request order. Items that are not
 * subscribed to are skipped, but throws 404 `subscription.missing` if that is true of all. A
 * malformed item fails the whole request with 400.
 */
export function unsubscribe(
  deps: UnsubscribeDeps,
  session: LiveSession | undefined,
  items: readonly UnsubscribeItem[],
): string[] {
  const steps = items.map((item, index) => stepOf(deps.context, item, index));
  const ended: string[] = [];
  let known = 0;
  for (const { key, fields } of steps) {
    const subscription = session?.subscriptions.get(key);
    if (!subscription) continue;
    known += 1;
    if (removeFields(deps, subscription, fields)) ended.push(key);
  }
  if (known === 0 && items.length > 0) throw fail('subscription.missing');
  return ended;
}

/** Which subscription, and the fields to remove from it; `undefined`: all. */
function stepOf(context: LiveContext, item: UnsubscribeItem, index: number) {
  if (item.kind === 'query') return { key: item.id, fields: undefined };
  const { target } = item;
  if (!target) throw fail('r.invalid');
  const model = modelOf(context, target.names);
  const path = `body.subscriptions[${index}].fields`;
  return { key: target.r, fields: model && requestedFields(model, item.fields, path) };
}

/** True if the subscription ended. */
function removeFields(
  { context, registry, reassignment }: UnsubscribeDeps,
  subscription: Subscription,
  fields: readonly string[] | undefined,
): boolean {
  if (subscription.kind !== 'query' && fields) {
    registry.assignGroup(subscription);
    const { fields: selected } = subscription.group;
    const all = modelOf(context, collectionNamesOf(subscription))?.fields.keys();
    const remaining = (selected ?? [...(all ?? [])]).filter((name) => !fields.includes(name));
    if (remaining.length > 0) {
      const isLess = remaining.length < (selected?.length ?? Number.POSITIVE_INFINITY);
      if (isLess) reassignment.changeFields(subscription, remaining);
      return false;
    }
  }
  registry.end(subscription);
  // The client may have other rights when it subscribes again.
  subscription.session.pushTarget.discardSent?.(subscription.key);
  return true;
}
