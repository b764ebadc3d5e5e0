import { fail } from '@really/protocol';
import { ownerOf } from '../../queries/owner.js';
import type { LiveContext } from '../live-context.js';
import { visibleFields } from '../push/visibility.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import type { LiveSession } from '../registry/live-session.js';
import {
  type ItemSubscribeRequest,
  requireModel,
  type SubscribeRequestItem,
} from '../subscribe-checks.js';

interface WindowLimitDeps {
  readonly context: LiveContext;
  readonly reassignment: GroupReassignment;
}

/**
 * A subscribe request with the id of a live query: raises the limit of its window (rule QRY9). Throws
 * if the request is refused.
 */
export function windowLimitRequest(
  { context, reassignment }: WindowLimitDeps,
  session: LiveSession,
  { item, index }: SubscribeRequestItem,
): ItemSubscribeRequest {
  const subscription = session.subscriptions.get(item.r);
  if (subscription?.kind !== 'query') throw fail('subscription.missing');
  const path = `body.subscriptions[${index}]`;
  const { limit } = item;
  if (item.fields) throw fail.invalid(`${path}.fields`, 'not.of.queries');
  if (limit === undefined) throw fail.invalid(`${path}.limit`, 'expected.integer');
  const assertNotLower = () => {
    const { limit: before } = subscription.group.traits;
    if (limit < before) throw fail.invalid(`${path}.limit`, `expected.from.${before}.to.1000`);
  };
  assertNotLower();
  const register = () => {
    if (subscription.progress === 'ended') throw fail('subscription.missing');
    // An item before this one may have raised it further.
    assertNotLower();
    const model = requireModel(context, subscription.group.traits.scope.names);
    reassignment.changeLimit(subscription, model, limit);
    const { fields, view } = subscription.group.traits;
    return { r: subscription.key, fields: visibleFields(model, { fields, hidden: [] }), view };
  };
  return {
    release() {},
    // The new window is read as the first one was: its user waits for what earlier reads took.
    async authorize() {
      await context.queryCharge?.paidOff(ownerOf(subscription.session.pushTarget));
      return register;
    },
  };
}
