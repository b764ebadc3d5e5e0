import { expect, test } from 'vitest';
import { bound, FakeConnection, modelOf, settle, setUpLive } from './live.fixture.js';

const version2 = modelOf({ version: 2, fields: ['a', 'b'] });

test('[REL3] a late change of an earlier version is pushed under the current one', async () => {
  const { create, set, subscribe, bus, reload } = await setUpLive();
  await create('/users/1', { a: 1 });
  const connection = new FakeConnection();
  await subscribe(connection, '/users/1');
  bus.held = [];
  const late = await set('/users/1', { a: 2 });
  await reload(version2);
  expect(connection.summaries()).toEqual(['snapshot 1', 'schemaUpdated', 'snapshot 2']);
  bus.deliver(late);
  await settle();
  expect(connection.summaries()).toEqual([]);
  // A new change, from a node that still has the earlier version.
  const another = await set('/users/1', { a: 3 });
  bus.deliver({ ...another, modelVersion: 1 });
  await settle();
  expect(connection.summaries()).toEqual(['snapshot 3']);
});

test('[REL2] [SUB1] a subscription made while models change uses the new models', async () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let reads = 0;
  const on = await setUpLive({
    wrap: (store) => ({
      ...bound(store),
      isSoleWriter: true,
      async getMany(rs) {
        reads += 1;
        const objects = await store.getMany(rs);
        if (reads === 1) await opened;
        return objects;
      },
    }),
  });
  const { create, subscribe, reload } = on;
  await create('/users/1', { a: 1, c: 1 });
  const connection = new FakeConnection();
  const answer = subscribe(connection, '/users/1');
  await settle();
  await reload(version2);
  open();
  expect(await answer).toEqual({ subscriptions: [{ r: '/users/1', fields: ['a', 'b'] }] });
  expect(connection.summaries()).toEqual(['snapshot 1']);
  expect(reads).toBe(2);
});

test('[REL3] schemaUpdated comes once for each collection, before its consequences, and only to its subscribers', async () => {
  const others = modelOf({ name: 'others' });
  const { create, subscribe, reload, counts } = await setUpLive({ models: [modelOf(), others] });
  for (const id of [1, 2]) await create(`/users/${id}`, { a: id });
  await create('/others/1', { a: 1 });
  const [connection, bystander] = [new FakeConnection('u1'), new FakeConnection('u2')];
  await subscribe(connection, '/users/1', '/users/2', '/users', '/others/1');
  await subscribe(bystander, '/others/1', '/others');
  connection.frames.length = 0;
  bystander.frames.length = 0;
  await reload(version2, others);
  expect(connection.received().map(({ evt, r }) => `${evt} ${r}`)).toEqual([
    'schemaUpdated /users/*',
    'snapshot /users/1',
    'snapshot /users/2',
  ]);
  expect(bystander.summaries()).toEqual([]);
  expect(counts.values.get('really_pushes_total schemaUpdated')).toBe(1);
});

test('[REL4] removed fields are left out, and the others are still pushed', async () => {
  const { create, set, subscribe, reload } = await setUpLive();
  await create('/users/1', { a: 1, c: 1 });
  const connection = new FakeConnection();
  await subscribe(connection, { r: '/users/1', fields: ['b', 'c'] });
  connection.frames.length = 0;
  await reload(version2);
  await set('/users/1', { b: 2 });
  const [schemaUpdated, snapshot, updated] = connection.received();
  expect(schemaUpdated).toEqual({ evt: 'schemaUpdated', r: '/users/*' });
  expect(snapshot).toMatchObject({ evt: 'snapshot', rev: 1, body: { _r: '/users/1', _rev: 1 } });
  expect(updated).toMatchObject({ evt: 'updated', rev: 2, body: { b: { opValue: 2 } } });
});
