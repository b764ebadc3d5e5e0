import { expect, test } from 'vitest';
import { FakeConnection } from '../live.fixture.js';
import { LiveSession } from '../registry/live-session.js';
import { UserUsages } from '../registry/user-usages.js';
import { QuerySubscription, type SubscribedGroup } from './query-subscription.js';

test('[LKP4] a live query that was suspended goes on without a read, unless something is still to come', () => {
  const known = { rows: new Map(), pos: 0, isExact: true };
  let hasReceived = true;
  const group = {
    traits: { r: '/users/*', view: 'all', cost: { work: 1, bytes: 1 } },
    knownBy: () => known,
    hasReceived: () => hasReceived,
  } as unknown as SubscribedGroup;
  const session = new LiveSession(new FakeConnection('u1'), new UserUsages().acquire('u1'));
  const holder = { hold: () => true, letGo() {} };
  const subscription = new QuerySubscription(session, group, {
    ...{ key: 'q1', known, newest: 0, holder },
  });
  subscription.state = { name: 'live' };
  const goesOn = () => {
    subscription.suspend();
    subscription.resumed();
    return subscription.goesOn();
  };
  expect([goesOn(), subscription.progress]).toEqual([true, 'live']);
  // Found when nobody was live, it is delivered without events: who goes on would never get them.
  hasReceived = false;
  expect([goesOn(), subscription.progress]).toEqual([false, 'behind']);
});
