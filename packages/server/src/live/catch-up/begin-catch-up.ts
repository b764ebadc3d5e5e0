import type { LiveContext } from '../live-context.js';
import type {
  GroupedSubscription,
  SubscriptionRegistry,
} from '../registry/subscription-registry.js';

/**
 * Starts or restarts the catch-up of a subscription when the limiter allows: cancels the run in
 * flight for it. `catchUp` stops where `isCurrent` is false after it waited; if it rejects, the
 * subscription fails.
 */
export function beginCatchUp<S extends GroupedSubscription>(
  { limiter }: Pick<LiveContext, 'limiter'>,
  registry: SubscriptionRegistry,
  subscription: S,
  catchUp: (isCurrent: () => boolean) => Promise<void>,
): void {
  subscription.progress = 'behind';
  subscription.generation += 1;
  const { generation } = subscription;
  const isCurrent = () => subscription.generation === generation;
  const run = async () => {
    try {
      if (!isCurrent() || subscription.progress !== 'behind') return;
      registry.assignGroup(subscription);
      await catchUp(isCurrent);
    } catch (error) {
      if (isCurrent()) registry.fail([subscription], error);
    }
  };
  limiter.run(subscription.session, run, subscription.session.usage.uid);
}
