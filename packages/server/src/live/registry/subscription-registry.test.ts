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

/** A registry that only counts what subscriptions use. */
function setUpRegistry() {
  const usages = new UserUsages();
  const budget = new LiveBudget({
    limits: defaultLimits,
    budgets: new Budgets(noMetrics),
    clock: simulatedPlatform({ seed: 1 }).clock,
    shares: () => new Map(),
    evict: () => {},
    usages,
    endSome: () => {},
  });
  const lookups = { add() {}, remove() {} };
  const sessions = new LiveSessions(usages);
  const indexes = { sessions, lookups } as unknown as RegistryIndexes;
  const context = { budget, usages, limits: defaultLimits } as unknown as LiveContext;
  return { usages, sessions, registry: new SubscriptionRegistry(context, indexes) };
}

test('[LIM17] a live query that was moved to a window of another cost gives back what it took', () => {
  const { usages, registry } = setUpRegistry();
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

test('[LIM17] what is reserved while a window is read counts for its user although the connection is gone', () => {
  const { usages, sessions, registry } = setUpRegistry();
  const cost = { work: 2, bytes: 200 };
  const leave = (connection: FakeConnection) => {
    const session = sessions.close(connection);
    if (session) sessions.release(session);
  };
  const [gone, next] = [new FakeConnection('u1'), new FakeConnection('u1')];
  const first = registry.reserveQuery(sessions.open(gone), cost);
  leave(gone);
  const session = sessions.open(next);
  const second = registry.reserveQuery(session, cost);
  expect(session.usage).toMatchObject({ sessions: 1, subscriptions: 2, work: 4, bytes: 400 });
  first.release();
  expect(session.usage).toMatchObject({ sessions: 1, subscriptions: 1, work: 2 });
  leave(next);
  expect(usages.size).toBe(1);
  second.release();
  expect(usages.size).toBe(0);
});

function groupOf(work: number): SubscribedGroup {
  const traits = { r: '/users/*', view: 'all', cost: { work, bytes: work * 100 } };
  return { traits, attach() {}, detach() {}, refresh() {} } as unknown as SubscribedGroup;
}
