import type { LiveContext } from '../live-context.js';
import type {
  GroupedSubscription,
  SubscriptionRegistry,
} from '../registry/subscription-registry.js';

/**
 * Starts or restarts the catch-up of a subscription when the limiter allows: cancels the run in
 * flight for it, and replaces one that waits. `catchUp` stops where `isCurrent` is false after it
 * waited; if it rejects, the subscription fails.
 */
export function beginCatchUp<S extends GroupedSubscription>(
  { limiter }: Pick<LiveContext, 'limiter'>,
  registry: SubscriptionRegistry,
  subscription: S,
  catchUp: (isCurrent: () => boolean) => Promise<void>,
): void {
  subscription.progress = 'behind';
  subscription.generation += 1;
  const isQueued = subscription.nextCatchUp !== undefined;
  subscription.nextCatchUp = { generation: subscription.generation, run: catchUp };
  if (isQueued) return;
  const { session } = subscription;
  limiter.run(session, () => runNext(registry, subscription), session.usage.owner);
}

async function runNext(
  registry: SubscriptionRegistry,
  subscription: GroupedSubscription,
): Promise<void> {
  const next = subscription.nextCatchUp;
  subscription.nextCatchUp = undefined;
  const isCurrent = () => subscription.generation === next?.generation;
  try {
    if (!isCurrent() || subscription.progress !== 'behind') return;
    registry.assignGroup(subscription);
    await next?.run(isCurrent);
  } catch (error) {
    if (isCurrent()) registry.fail([subscription], error);
  }
}
