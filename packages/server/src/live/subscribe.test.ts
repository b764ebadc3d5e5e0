import { expect, test, vi } from 'vitest';
import { loaded } from '../model/models.fixture.js';
import { TickSlice } from '../platform/scheduling/tick-slice.js';
import type { StoredObject } from '../store/stored-object.js';
import { FakeConnection, itemOf, setUpLive } from './live.fixture.js';

test('[LIM43] a read that has its turn does not wait for the others of its address', async () => {
  const owners: unknown[] = [];
  const rest = vi.spyOn(TickSlice.prototype, 'rest');
  const on = await setUpLive({
    isHurried: true,
    heads: async (rs, pause) => {
      rest.mockClear();
      const paused = pause?.();
      owners.push(...rest.mock.calls.map(([owner]) => owner));
      await paused;
      return await on.store.getMany(rs);
    },
  });
  await on.create('/users/1', { a: 1 });
  const connection = Object.assign(new FakeConnection(), { address: '192.0.2.1' });
  const { subscriptions } = await on.live.subscribe(connection, [itemOf('/users/1')]);
  rest.mockRestore();
  expect(subscriptions).toHaveLength(1);
  expect(owners).toEqual([undefined]);
});

const files = {
  'projects/model.yaml': `version: 1
fields: { title: { type: String } }
access: { read: true }
`,
  'projects/members/model.yaml': `version: 1
fields: { role: { type: String } }
access: { read: true }
`,
  'projects/docs/model.yaml': `version: 1
fields: { title: { type: Long } }
lookups: { membership: '/projects/{ids.projects}/members/{auth.uid}' }
access: { read: 'membership != null && membership.role != "none"' }
`,
};

const member = '/projects/1/members/u';
const doc = '/projects/1/docs/1';

test('[LIM44] the rights of who waits to pay may change meanwhile, and nothing is read twice for that', async () => {
  const memberships = new Map<string, StoredObject>();
  const { models } = await loaded(files, {
    readLookups: (rs) => rs.map((r) => memberships.get(r)),
  });
  const on = await setUpLive({ models: models.all() });
  await on.create('/projects/1', {});
  memberships.set(member, (await on.create(member, { role: 'reader' })).object);
  await on.create(doc, { title: 1 });
  let isInDebt = true;
  let charges = 0;
  const waiting: (() => void)[] = [];
  const connection = Object.assign(new FakeConnection({ uid: 'u' }), {
    untilPaid: () => (isInDebt ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined),
    charge: () => {
      charges += 1;
      isInDebt = true;
      return undefined;
    },
  });
  const subscribing = on.live.subscribe(connection, [itemOf(doc)]);
  for (let n = 0; n < 6; n++) {
    await on.settle();
    memberships.set(member, (await on.set(member, { role: `role ${n}` })).object);
    isInDebt = false;
    for (const proceed of waiting.splice(0)) proceed();
  }
  const { subscriptions, failures } = await subscribing;
  expect(failures).toEqual([]);
  expect(subscriptions).toHaveLength(1);
  expect(charges).toBe(1);
});

test('[LIM44] who owes again each time when it has its turn only waits', async () => {
  const on = await setUpLive();
  await on.create('/users/1', { a: 1 });
  let asked = 0;
  const connection = Object.assign(new FakeConnection(), {
    untilPaid: () => {
      asked += 1;
      return asked < 20 && asked % 2 === 0 ? Promise.resolve() : undefined;
    },
  });
  const { subscriptions } = await on.live.subscribe(connection, [itemOf('/users/1')]);
  expect(subscriptions).toHaveLength(1);
  expect(asked).toBeGreaterThanOrEqual(20);
});
