import { expect, test } from 'vitest';
import { Budgets } from '../../platform/budget.js';
import { defaultLimits } from '../../platform/limits.js';
import { noMetrics } from '../../platform/metrics.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { FakeConnection } from '../live.fixture.js';
import { LiveBudget } from '../live-budget.js';
import type { LiveContext } from '../live-context.js';
import { QuerySubscription, type SubscribedGroup } from '../query/query-subscription.js';
import { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import { type RegistryIndexes, SubscriptionRegistry } from './subscription-registry.js';
import { UserUsages } from './user-usages.js';

test('[LIM17] a live query that was moved to a window of another cost gives back what it took', () => {
  const usages = new UserUsages();
  const budget = new LiveBudget({
    limits: defaultLimits,
    budgets: new Budgets(noMetrics),
    clock: simulatedPlatform({ seed: 1 }).clock,
    shares: () => new Map(),
    evict: () => {},
    users: () => [],
    endSome: () => {},
  });
  const lookups = { add() {}, remove() {} };
  const indexes = { sessions: new LiveSessions(usages), lookups } as unknown as RegistryIndexes;
  const registry = new SubscriptionRegistry({ budget } as LiveContext, indexes);
  const connection = new FakeConnection('u1');
  const session = new LiveSession(connection, usages.acquire('u1'));
  const known = { rows: new Map(), pos: 0, isExact: true };
  const holder = { hold: () => true, letGo() {} };
  const options = { key: 'q1', known, newest: 0, holder };
  const subscription = new QuerySubscription(session, groupOf(2), options);
  registry.register(subscription);
  expect(session.usage).toMatchObject({ subscriptions: 1, work: 2, bytes: 200 });
  subscription.moveTo(groupOf(66), known.rows, { isAsked: false });
  registry.end(subscription);
  expect(session.usage).toMatchObject({ subscriptions: 0, work: 0, bytes: 0 });
});

function groupOf(work: number): SubscribedGroup {
  const traits = { r: '/users/*', view: 'all', cost: { work, bytes: work * 100 } };
  return { traits, attach() {}, detach() {}, refresh() {} } as unknown as SubscribedGroup;
}
