import { expect, test, vi } from 'vitest';
import {
  bound,
  FakeConnection,
  itemOf,
  type LiveSetup,
  settle,
  setUpLive,
} from '../live.fixture.js';
import type { Frame } from '../push/frame.js';
import { QueryGroup } from './query-group.js';

/** A connection whose output buffer is full after a number of pushes. */
class SlowConnection extends FakeConnection {
  capacity = Number.POSITIVE_INFINITY;

  override push(frame: Frame): void {
    super.push(frame);
    this.capacity -= 1;
    if (this.capacity <= 0) this.congested = true;
  }
}

async function subscribe({ live }: LiveSetup, connection: FakeConnection, limit = 10) {
  const scope = { names: ['users'], parents: [] };
  const order = { keys: [{ field: 'a', descending: false }] };
  const { hits, start } = await live.subscribeQuery(connection, {
    r: '/users/*',
    scope,
    order,
    limit,
  });
  start();
  return hits.map(({ object }) => object.r);
}

test('[LIM11] the rows of all windows are limited: a read beyond the limit is refused', async () => {
  const on = await setUpLive({ limits: { queryRows: 5 } });
  for (const id of ['1', '2', '3', '4']) await on.create(`/users/${id}`, { a: 1 });
  const connection = new FakeConnection('u1');
  await subscribe(on, connection, 10);
  expect(on.live.counts().queryRows).toBe(4);
  await expect(subscribe(on, new FakeConnection('u2'), 20)).rejects.toMatchObject({
    message: 'rate.limited',
  });
  expect(on.live.counts()).toMatchObject({ queryGroups: 1, queryRows: 4 });
  // A subscription to an existing window needs no more room.
  expect(await subscribe(on, new FakeConnection('u3'), 10)).toHaveLength(4);
  await on.remove('/users/1');
  await on.remove('/users/2');
  await settle();
  expect(on.live.counts().queryRows).toBe(2);
  expect(await subscribe(on, new FakeConnection('u2'), 20)).toEqual(['/users/3', '/users/4']);
});

test('[LIM11] a window that grows beyond the limit fails, and leaves nothing behind', async () => {
  const on = await setUpLive({ limits: { queryRows: 2 } });
  const connection = new FakeConnection('u1');
  await subscribe(on, connection);
  for (const id of ['1', '2', '3']) await on.create(`/users/${id}`, { a: 1 });
  await settle();
  const pushes = connection.received();
  expect(pushes.at(-1)).toMatchObject({ evt: 'failed', error: { code: 429 } });
  expect(pushes.filter(({ evt }) => evt === 'created')).toHaveLength(3);
  expect(on.live.counts()).toMatchObject({ queries: 0, queryGroups: 0, queryRows: 0 });
  await on.remove('/users/1');
  await on.remove('/users/2');
  expect(await subscribe(on, connection)).toEqual(['/users/3']);
});

test('[LIM11] when there is no room, the user with most rows loses his live queries to one with few', async () => {
  const on = await setUpLive({ limits: { queryRows: 10 } });
  const [greedy, modest, other] = ['greedy', 'modest', 'other'].map((u) => new FakeConnection(u));
  if (!greedy || !modest || !other) throw new Error('there are three');
  await on.create('/users/1', { a: 1 });
  await subscribe(on, modest, 20);
  // They share the first window, and only one of them has more.
  await subscribe(on, greedy, 20);
  for (let limit = 1; limit < 10; limit++) await subscribe(on, greedy, limit);
  expect(on.live.counts()).toMatchObject({ queryGroups: 10, queryRows: 10 });
  await on.create('/users/2', { a: 2 });
  await settle();
  expect(modest.summaries()).toEqual(['created /users/2']);
  const ended = greedy.received().filter(({ evt }) => evt === 'failed');
  expect(ended).toHaveLength(10);
  expect(ended[0]).toMatchObject({ error: { code: 429 } });
  expect(on.live.counts()).toMatchObject({ queryGroups: 1, queryRows: 2 });
  for (let limit = 1; limit < 5; limit++) await subscribe(on, greedy, limit);
  expect(await subscribe(on, other, 30)).toEqual(['/users/1', '/users/2']);
  expect(greedy.summaries()).toEqual(Array(4).fill('failed'));
  for (let limit = 1; limit < 4; limit++) await subscribe(on, greedy, limit);
  await expect(subscribe(on, greedy, 4)).rejects.toMatchObject({ message: 'rate.limited' });
});

test('[LIM11] nobody loses live queries whose windows others have, too', async () => {
  const on = await setUpLive({ limits: { queryRows: 8 } });
  for (const id of ['1', '2']) await on.create(`/users/${id}`, { a: 1 });
  const users = Array.from({ length: 6 }, (_, n) => new FakeConnection(`u${n}`));
  for (const limit of [10, 11, 12, 13]) for (const user of users) await subscribe(on, user, limit);
  expect(on.live.counts()).toMatchObject({ queryRows: 8 });
  const other = new FakeConnection('other');
  for (let attempt = 0; attempt < 3; attempt++)
    await expect(subscribe(on, other, 20)).rejects.toMatchObject({ message: 'rate.limited' });
  expect(users.flatMap((user) => user.summaries())).toEqual([]);
});

test('[LIM11] the rows of users are counted once a second at most, however often there is no room', async () => {
  const on = await setUpLive({ limits: { queryRows: 1 } });
  await on.create('/users/1', { a: 1 });
  const holder = new FakeConnection('holder');
  await subscribe(on, holder, 10);
  const users = vi.spyOn(QueryGroup.prototype, 'users');
  const counted = () => users.mock.calls.filter(([{ isJoining }]) => !isJoining).length;
  const refused = async (limit: number) =>
    await expect(subscribe(on, holder, limit)).rejects.toMatchObject({ message: 'rate.limited' });
  for (const limit of [11, 12, 13]) await refused(limit);
  const first = counted();
  expect(first).toBeGreaterThan(0);
  for (const limit of [14, 15, 16]) await refused(limit);
  expect(counted()).toBe(first);
  on.platform.advance(1000);
  await refused(17);
  expect(counted()).toBeGreaterThan(first);
  users.mockRestore();
});

test('[LIM11] no other window fails while one with many subscribers does', async () => {
  const on = await setUpLive({ limits: { queryRows: 2 }, isHurried: true });
  await on.create('/users/1', { a: 1 });
  const many = Array.from({ length: 10 }, () => new FakeConnection('u1'));
  for (const connection of many) await subscribe(on, connection, 10);
  const other = new FakeConnection('u1');
  await subscribe(on, other, 20);
  await on.create('/users/2', { a: 2 });
  // They are told in several turns.
  expect(many.filter(({ frames }) => frames.length > 0).length).toBeLessThan(many.length);
  expect(on.live.counts().queryRows).toBeLessThanOrEqual(2);
  // A client that joins this window meanwhile is refused, and nothing of it stays.
  const late = new FakeConnection('u2');
  await expect(subscribe(on, late, 10)).rejects.toMatchObject({ message: 'rate.limited' });
  await on.live.settled();
  expect(other.summaries()).toEqual(['created /users/2']);
  for (const connection of many)
    expect(connection.summaries()).toEqual(['created /users/2', 'failed']);
  expect(on.live.counts()).toMatchObject({ queries: 1, queryGroups: 1, queryRows: 2 });
  await on.remove('/users/1');
  await on.remove('/users/2');
  await on.live.settled();
  expect(on.live.counts().queryRows).toBe(0);
  expect(await subscribe(on, late, 10)).toEqual([]);
});

test('[LIM11] a window that fails counts again although it could not be sent to somebody', async () => {
  const on = await setUpLive({ limits: { queryRows: 1 }, isHurried: true });
  await on.create('/users/1', { a: 1 });
  const many = Array.from({ length: 10 }, () => new FakeConnection('u1'));
  for (const connection of many) await subscribe(on, connection);
  const broken = many.at(-1);
  if (!broken) throw new Error('there are ten');
  broken.push = (frame) => {
    broken.push = FakeConnection.prototype.push;
    throw new Error(`cannot send ${frame.text}`);
  };
  await on.create('/users/2', { a: 2 });
  await expect(subscribe(on, new FakeConnection('u2'))).rejects.toMatchObject({
    message: 'rate.limited',
  });
  await on.live.settled();
  expect(on.live.counts()).toMatchObject({ queries: 0, queryGroups: 0, queryRows: 0 });
});

test('[LIM4] a large difference pauses on a full output buffer, and the rest is sent once it drains', async () => {
  const on = await setUpLive();
  const connection = new SlowConnection('u1');
  const other = new FakeConnection('u1');
  await subscribe(on, connection, 100);
  await subscribe(on, other, 100);
  on.bus.held = [];
  for (let n = 10; n < 50; n++) await on.create(`/users/${n}`, { a: n });
  on.bus.held = undefined;
  connection.capacity = 7;
  await on.live.resync();
  await on.live.settled();
  expect(other.summaries()).toHaveLength(40);
  const first = connection.summaries();
  expect(first).toHaveLength(7);
  await on.set('/users/10', { a: 0 });
  await on.remove('/users/45');
  await on.live.settled();
  expect(connection.summaries()).toEqual([]);
  for (const capacity of [9, 5, 100]) {
    connection.congested = false;
    connection.capacity = capacity;
    on.live.onDrain(connection);
    await on.live.settled();
  }
  const rest = connection.summaries();
  const entered = [...first, ...rest].filter((summary) => summary.startsWith('entered'));
  expect(new Set(entered).size).toBe(entered.length);
  expect(entered).toHaveLength(39);
  expect(rest.filter((summaries) => !summaries.startsWith('entered'))).toEqual(['snapshot 2']);
});

test('[LIM4] a connection with the same query several times gets no more of a change than its output buffer takes', async () => {
  const on = await setUpLive();
  const connection = new SlowConnection('u1');
  for (let n = 0; n < 5; n++) await subscribe(on, connection);
  connection.capacity = 2;
  await on.create('/users/1', { a: 1 });
  expect(connection.summaries()).toEqual(['created /users/1', 'created /users/1']);
  await on.set('/users/1', { a: 2 });
  connection.congested = false;
  connection.capacity = 100;
  on.live.onDrain(connection);
  await on.live.settled();
  const rest = connection.summaries();
  expect(rest.filter((summary) => summary === 'entered /users/1')).toHaveLength(3);
  expect(rest.filter((summary) => summary === 'snapshot 2')).toHaveLength(2);
  expect(rest).toHaveLength(5);
});

test('[LIM43] those who raise the limit of the same window together share its rows, the difference and its frames', async () => {
  let looks = 0;
  const on = await setUpLive({
    wrap: (store) => ({
      ...bound(store),
      async query(query) {
        const found = await store.query(query);
        return found.map(({ touched, ...object }) => ({
          ...object,
          get touched() {
            looks += 1;
            return touched;
          },
        }));
      },
    }),
  });
  for (let n = 10; n < 40; n++) await on.create(`/users/${n}`, { a: n });
  const connections = Array.from({ length: 50 }, () => new FakeConnection('u1'));
  for (const connection of connections) await subscribe(on, connection, 5);
  await on.live.settled();
  looks = 0;
  await subscribe(on, new FakeConnection('u1'), 20);
  const once = looks;
  looks = 0;
  const raised = connections.map((one) => on.live.subscribe(one, [itemOf({ r: 'q1', limit: 15 })]));
  for (const { start } of await Promise.all(raised)) start();
  await on.live.settled();
  expect(looks).toBeLessThan(once * 3);
  expect(new Set(connections.flatMap(({ frames }) => frames)).size).toBe(10);
  const entered = Array.from({ length: 10 }, (_, n) => `entered /users/${n + 15}`);
  for (const connection of connections) expect(connection.summaries()).toEqual(entered);
});

test('[LIM43] they are caught up in several turns, and nobody who moves on meanwhile is sent what was for another window', async () => {
  const on = await setUpLive({ isHurried: true });
  for (let n = 10; n < 40; n++) await on.create(`/users/${n}`, { a: n });
  const connections = Array.from({ length: 10 }, () => new FakeConnection('u1'));
  for (const connection of connections) await subscribe(on, connection, 5);
  await on.live.settled();
  const raise = async (connection: FakeConnection, limit: number) => {
    const { start } = await on.live.subscribe(connection, [itemOf({ r: 'q1', limit })]);
    start();
  };
  await Promise.all(connections.map((connection) => raise(connection, 10)));
  const reached = () => connections.filter(({ frames }) => frames.length > 0);
  while (reached().length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(reached().length).toBeLessThan(connections.length);
  const waiting = connections.filter((connection) => !reached().includes(connection));
  for (const connection of waiting) await raise(connection, 12);
  await on.live.settled();
  for (const connection of connections) {
    const last = waiting.includes(connection) ? 22 : 20;
    const entered = Array.from({ length: last - 15 }, (_, n) => `entered /users/${n + 15}`);
    expect(connection.summaries()).toEqual(entered);
  }
});
