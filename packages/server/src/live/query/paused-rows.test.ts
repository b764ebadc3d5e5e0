import { expect, test, vi } from 'vitest';
import { FakeConnection, type LiveSetup, setUpLive } from '../live.fixture.js';
import { FanOutPace } from '../push/fan-out.js';
import { asOutdated, knownRowsOf, knowsSame } from './query-window.js';

async function subscribe({ live }: LiveSetup, connection: FakeConnection, limit: number) {
  const { start } = await live.subscribeQuery(connection, {
    r: '/users/*',
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: 'a', descending: false }] },
    limit,
  });
  start();
}

/** A window of so many objects, with a subscriber of each of these uids. */
async function setUpWindow(objects: number, uids: readonly string[], queryRows = 500) {
  const on = await setUpLive({ limits: { queryRows } });
  for (let n = 0; n < objects; n++) await on.create(`/users/${n}`, { a: n });
  const connections = uids.map((uid) => new FakeConnection(uid));
  for (const connection of connections) await subscribe(on, connection, objects);
  await on.live.settled();
  /** Pauses these by a change of their own. */
  const pause = async (...paused: (FakeConnection | undefined)[]) => {
    for (const connection of paused) if (connection) connection.congested = true;
    await on.set('/users/0', { b: on.live.counts().pausedRows });
    await on.live.settled();
  };
  const drain = async (connection: FakeConnection | undefined) => {
    if (!connection) return;
    connection.congested = false;
    on.live.onDrain(connection);
    await on.live.settled();
  };
  return { ...on, connections, pause, drain };
}

const isFailed = (connection: FakeConnection | undefined) =>
  connection?.received().at(-1)?.evt === 'failed';

test('[LIM11] what paused live queries know is limited, and the one that is paused beyond it ends', async () => {
  const uids = ['u0', 'u1', 'u2', 'u3', 'u4', 'u5'];
  const { connections, pause, drain, live } = await setUpWindow(4, uids, 20);
  const [first, second, third, fourth, last, alike] = connections;
  // Those who are paused by the same change know the same.
  await pause(first, alike);
  for (const connection of [second, third, fourth]) await pause(connection);
  expect(live.counts()).toMatchObject({ pausedRows: 16, queries: 6 });
  await pause(last);
  expect(live.counts()).toMatchObject({ pausedRows: 16, queries: 5 });
  expect(last?.received().at(-1)).toMatchObject({ evt: 'failed', error: { code: 429 } });
  await drain(second);
  expect(live.counts()).toMatchObject({ pausedRows: 12, queries: 5 });
  expect(second?.received().at(-1)).toMatchObject({ evt: 'snapshot', rev: 6 });
  await pause(second);
  expect(live.counts()).toMatchObject({ pausedRows: 16, queries: 5 });
  for (const connection of connections) live.drop(connection);
  await live.settled();
  expect(live.counts()).toMatchObject({ pausedRows: 0, queries: 0 });
});

test('[LIM11] the anonymous tokens of an address hold two thirds of it at most', async () => {
  const { connections, pause, live } = await setUpWindow(4, ['a', 'b', 'c', 'd', 'other'], 18);
  const anonymous = connections.slice(0, 4);
  for (const connection of anonymous) {
    connection.auth = { ...connection.auth, authType: 'anonymous' };
    Object.assign(connection, { address: '192.0.2.1' });
    await pause(connection);
  }
  expect(live.counts().pausedRows).toBe(12);
  expect(anonymous.map(isFailed)).toEqual([false, false, false, true]);
  const other = connections[4];
  await pause(other);
  expect(isFailed(other)).toBe(false);
  expect(live.counts().pausedRows).toBe(16);
});

test('[LIM42] the rows that are copied for those who are paused count as work', async () => {
  const { connections, pause } = await setUpWindow(320, ['u1', 'u2']);
  const isDue = vi.spyOn(FanOutPace.prototype, 'isDue');
  await pause(connections[0]);
  expect(Math.max(...isDue.mock.calls.map(([work]) => work))).toBe(11);
  isDue.mockRestore();
});

test('live queries that went on from the same position share what they know', async () => {
  const { connections, live } = await setUpWindow(4, ['u1', 'u1']);
  const parked = connections.map((connection) => live.park(connection));
  const next = [new FakeConnection('u1'), new FakeConnection('u1')];
  for (const [index, connection] of next.entries()) {
    const begin = await live.resume(connection, parked[index] ?? []);
    live.releaseParked(parked[index] ?? []);
    begin();
  }
  await live.settled();
  for (const connection of next) live.park(connection);
  expect(live.counts().resumableRows).toBe(4);
});

test('so do those whose rows are outdated by the same change', () => {
  const place = { r: '/a/1', values: [] };
  const rows = [{ r: '/a/1', rev: 1, place, hidden: [], changedAt: 1 }];
  const [one, two] = [knownRowsOf(rows), knownRowsOf(rows)];
  expect(asOutdated(one)).toBe(asOutdated(one));
  expect(knowsSame(one, two)).toBe(true);
  expect(knowsSame(asOutdated(one), two)).toBe(false);
  expect(knowsSame(one, new Map())).toBe(false);
  const other = (change: object) => new Map([['/a/1', { rev: 1, hidden: [], ...change }]]);
  expect(knowsSame(one, other({ rev: 2 }))).toBe(false);
  expect(knowsSame(one, other({ hidden: ['b'] }))).toBe(false);
});
