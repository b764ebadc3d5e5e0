import { expect, test } from 'vitest';
import { readBytes } from '../../platform/limits.js';
import { FakeConnection, itemOf, type LiveSetup, setUpLive } from '../live.fixture.js';

/** There is room for some 48 objects of a KiB. */
const limits = { outputBuffer: 1024 };
const perObject = readBytes(limits) / 48;

async function subscribe({ live }: LiveSetup, connection: FakeConnection, limit: number) {
  const { subscription, start } = await live.subscribeQuery(connection, {
    r: '/users/*',
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: 'a', descending: false }] },
    limit,
  });
  start();
  return subscription;
}

const large = (a: number) => ({ a, b: 'x'.repeat(perObject) });
const tooLarge = {
  code: 400,
  message: 'request.invalid',
  errors: { 'cmdOpts.limit': ['window.too.large'] },
};

async function setUpLarge(objects: number) {
  const on = await setUpLive({ limits });
  for (let n = 0; n < objects; n++) await on.create(`/users/${100 + n}`, large(n));
  return on;
}

test('[LIM4] a window for whose objects there is no room is refused, and leaves nothing behind', async () => {
  const on = await setUpLarge(60);
  await expect(subscribe(on, new FakeConnection(), 40)).rejects.toMatchObject({
    errors: tooLarge.errors,
  });
  expect(on.live.counts()).toMatchObject({ queries: 0, queryGroups: 0, queryRows: 0 });
  await subscribe(on, new FakeConnection(), 10);
});

test('[LIM4] so ends one whose limit is raised that far', async () => {
  const on = await setUpLarge(60);
  const [connection, other] = [new FakeConnection(), new FakeConnection()];
  const r = await subscribe(on, connection, 1);
  await subscribe(on, other, 1);
  const raised = await on.live.subscribe(connection, [itemOf({ r, limit: 40 })]);
  raised.start();
  await on.live.settled();
  expect(connection.received()).toMatchObject([{ evt: 'failed', error: tooLarge }]);
  expect(other.received()).toEqual([]);
  expect(on.live.counts()).toMatchObject({ queries: 1, queryGroups: 1 });
});

test('[LIM4] so ends one whose objects grow that far, when it is read again', async () => {
  const on = await setUpLive({ limits });
  for (let n = 0; n < 60; n++) await on.create(`/users/${100 + n}`, { a: n });
  const connection = new FakeConnection();
  await subscribe(on, connection, 60);
  on.bus.held = [];
  for (let n = 0; n < 60; n++) await on.set(`/users/${100 + n}`, large(n));
  on.bus.held = undefined;
  await on.live.resync();
  await on.live.settled();
  expect(connection.received()).toMatchObject([{ evt: 'failed', error: tooLarge }]);
});
