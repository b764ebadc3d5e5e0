import { expect, test } from 'vitest';
import type { StoredObject } from '../store/stored-object.js';
import {
  bound,
  FakeConnection,
  itemOf,
  modelOf,
  readsAll,
  rule,
  settle,
  setUpLive,
} from './live.fixture.js';

const uids = Array.from({ length: 30 }, (_, n) => `u${n}`);
const read = rule(({ auth }) => auth.uid !== 'nobody' && auth.data?.lesser !== true, readsAll);

/** Thirty subscriber groups of two members, subscribed to this R. */
async function setUpCrowd(r: string) {
  const on = await setUpLive({ models: [modelOf({ read })], isHurried: true });
  await on.create('/users/1', { a: 0 });
  const connections = [...uids, ...uids].map((uid) => new FakeConnection(uid));
  for (const connection of connections) await on.subscribe(connection, r);
  await on.live.settled();
  for (const connection of connections) connection.frames.length = 0;
  return { on, connections };
}

const receivedCount = (connections: readonly FakeConnection[]) =>
  connections.filter(({ frames }) => frames.length > 0).length;

test('[LIM42] a change for many groups is pushed in several event-loop turns, each once and in order', async () => {
  const { on, connections } = await setUpCrowd('/users/1');
  await on.set('/users/1', { a: 1 });
  expect(receivedCount(connections)).toBeLessThan(connections.length);
  for (let a = 2; a <= 5; a++) await on.set('/users/1', { a });
  const [gone, renewed, ...others] = connections;
  if (!gone || !renewed) throw new Error('there are more');
  on.live.drop(gone);
  renewed.auth = { uid: renewed.auth.uid, data: { is: 'another' } };
  on.live.authChanged(renewed);
  const late = new FakeConnection('late');
  const { start } = await on.live.subscribe(late, [itemOf('/users/1')]);
  start();
  await on.live.settled();
  await on.remove('/users/1');
  await on.live.settled();
  const all = [2, 3, 4, 5, 6].map((rev) => `updated ${rev}`);
  for (const connection of others) expect(connection.summaries()).toEqual([...all, 'deleted 7']);
  expect(renewed.summaries()).toEqual([...all, 'deleted 7']);
  expect(late.summaries()).toEqual(['snapshot 6', 'deleted 7']);
  expect(on.live.counts().subscriptions).toBe(0);
});

test('[LIM42] so is a creation in a collection with many subscribers', async () => {
  const { on, connections } = await setUpCrowd('/users/*');
  await on.create('/users/2', { a: 1 });
  expect(receivedCount(connections)).toBeLessThan(connections.length);
  await on.create('/users/3', { a: 1 });
  await on.live.settled();
  for (const connection of connections)
    expect(connection.summaries()).toEqual(['created /users/2', 'created /users/3']);
});

test('[LIM42] so is a change of a live query, and what its subscribers do meanwhile loses nothing', async () => {
  const on = await setUpLive({ models: [modelOf({ read })], isHurried: true });
  const connections = uids.map(() => new FakeConnection('u'));
  const order = { keys: [{ field: 'a', descending: false }] };
  const query = { r: '/users/*', scope: { names: ['users'], parents: [] }, order, limit: 10 };
  for (const connection of connections) (await on.live.subscribeQuery(connection, query)).start();
  await on.create('/users/1', { a: 1 });
  expect(receivedCount(connections)).toBeLessThan(connections.length);
  const [gone, slow, raised, ...others] = connections;
  if (!gone || !slow || !raised) throw new Error('there are more');
  on.live.drop(gone);
  slow.congested = true;
  const { start } = await on.live.subscribe(raised, [itemOf({ r: 'q1', limit: 20 })]);
  start();
  await on.set('/users/1', { a: 2 });
  await on.live.settled();
  expect(gone.summaries()).toEqual([]);
  expect(slow.summaries()).toEqual([]);
  slow.congested = false;
  on.live.onDrain(slow);
  await on.live.settled();
  expect(slow.summaries()).toEqual(['entered /users/1']);
  for (const connection of others)
    expect(connection.summaries()).toEqual(['created /users/1', 'updated 2']);
  expect(raised.summaries()).toEqual(['entered /users/1']);
});

test('[LIM42] when a live query fails, its subscribers are told in several turns, and those who left it are not', async () => {
  let isBroken = false;
  const on = await setUpLive({
    models: [modelOf({ read })],
    isHurried: true,
    wrap: (store) => ({
      ...bound(store),
      query: (query) => (isBroken ? Promise.reject(new Error('broken')) : store.query(query)),
    }),
  });
  const connections = uids.map(() => new FakeConnection('u'));
  const order = { keys: [{ field: 'a', descending: false }] };
  const query = { r: '/users/*', scope: { names: ['users'], parents: [] }, order, limit: 10 };
  for (const connection of connections) (await on.live.subscribeQuery(connection, query)).start();
  await on.live.settled();
  isBroken = true;
  on.bus.held = [];
  await on.create('/users/1', { a: 1 });
  on.bus.held = undefined;
  await on.live.resync();
  while (receivedCount(connections) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(receivedCount(connections)).toBeLessThan(connections.length);
  isBroken = false;
  const moved = connections.at(-1);
  if (!moved) throw new Error('there are more');
  moved.auth = { uid: 'u', data: { is: 'another' } };
  on.live.authChanged(moved);
  await on.set('/users/1', { a: 2 });
  await on.live.settled();
  expect(moved.summaries()).toEqual(['entered /users/1']);
  for (const connection of connections.slice(0, -1))
    expect(connection.summaries()).toEqual(['failed']);
  expect(on.live.counts()).toMatchObject({ queries: 1, queryGroups: 1, queryRows: 1 });
});

/** A connection subscribed to thirty objects and thirty collections. */
async function subscriber() {
  const models = [modelOf({ read }), modelOf({ name: 'users/posts', read })];
  const on = await setUpLive({ models, isHurried: true });
  const rs = uids.map((id) => `/users/${id}`);
  for (const r of rs) await on.create(r, { a: 0 });
  const connection = new FakeConnection({ uid: 'u' });
  const all = [...rs, ...rs.map((r) => `${r}/posts/*`)];
  const { start } = await on.live.subscribe(connection, all.map(itemOf));
  start();
  return { on, rs, connection, all };
}

test('[LIM43] many subscriptions start in several turns, and all of them start', async () => {
  const { on, rs, connection } = await subscriber();
  expect(connection.frames.length).toBeLessThan(rs.length);
  await on.live.settled();
  expect(connection.summaries()).toEqual(rs.map(() => 'snapshot 1'));
});

test('[LIM43] after a token renewal nothing is pushed under the old rights, and authorization takes several turns', async () => {
  const { on, rs, connection } = await subscriber();
  await on.live.settled();
  connection.frames.length = 0;
  connection.auth = { uid: 'u', data: { is: 'another' } };
  expect(on.live.authChanged(connection)).toBe(60);
  expect(on.live.authChanged(connection)).toBeLessThanOrEqual(60);
  for (const r of rs) await on.set(r, { a: 1 });
  await on.create('/users/u3/posts/1', { a: 1 });
  await on.live.settled();
  expect(connection.summaries().toSorted()).toEqual(
    [...rs.map(() => 'updated 2'), 'created /users/u3/posts/1'].toSorted(),
  );
  connection.auth = { uid: 'u', data: { lesser: true } };
  on.live.authChanged(connection);
  for (const r of rs) await on.set(r, { a: 2 });
  await on.live.settled();
  expect(new Set(connection.summaries())).toEqual(new Set(['failed']));
  expect(on.live.counts()).toMatchObject({ subscriptions: 30 });
});

test('[LIM43] [LIM18] to look at subscriptions whose rights a renewal leaves as they are costs as little as to subscribe', async () => {
  const models = [modelOf({ read: rule(({ auth }) => auth.uid === 'u') })];
  const on = await setUpLive({ models });
  const connection = new FakeConnection({ uid: 'u' });
  for (const id of uids) await on.create(`/users/${id}`, {});
  await on.subscribe(connection, ...uids.map((id) => `/users/${id}`));
  connection.auth = { uid: 'u', data: { is: 'another' } };
  expect(on.live.authChanged(connection)).toBe(2);
});

test('[LIM43] a model reload processes many subscriptions in several turns', async () => {
  const { on, rs, connection } = await subscriber();
  await on.live.settled();
  connection.frames.length = 0;
  await on.reload(
    modelOf({ read, version: 2, fields: ['a', 'b'] }),
    modelOf({ name: 'users/posts', read }),
  );
  expect(connection.frames.length).toBeLessThan(rs.length);
  await on.live.settled();
  expect(connection.summaries()).toEqual(['schemaUpdated', ...rs.map(() => 'snapshot 1')]);
});

test('[LIM43] a closed connection ends its subscriptions in several turns, and they count for its uid until then', async () => {
  const { on, rs, connection, all } = await subscriber();
  await on.live.settled();
  const resumable = on.live.park(connection);
  expect(resumable).toHaveLength(all.length);
  const left = on.live.counts();
  expect(left.connections).toBe(0);
  expect(left.subscriptions).toBeGreaterThan(0);
  const reconnected = new FakeConnection({ uid: 'u' });
  const begin = await on.live.resume(reconnected, resumable);
  begin();
  await on.live.settled();
  expect(on.live.counts()).toMatchObject({ connections: 1, subscriptions: all.length });
  reconnected.frames.length = 0;
  connection.frames.length = 0;
  for (const r of rs) await on.set(r, { a: 3 });
  await on.live.settled();
  await settle();
  expect(reconnected.summaries().toSorted()).toEqual(rs.map(() => 'updated 2').toSorted());
  expect(connection.frames).toEqual([]);
  on.live.drop(reconnected);
  await on.live.settled();
  expect(on.live.counts()).toMatchObject({
    subscriptions: 0,
    objectTopics: 0,
    collectionTopics: 0,
  });
});

test('[LIM43] who subscribes from another address does not wait for all the connections of one address', async () => {
  const on = await setUpLive({ models: [modelOf({ read })], isHurried: true });
  const items = uids.map((id) => itemOf(`/users/${id}`));
  for (const { r } of items) await on.create(r, { a: 0 });
  const done: string[] = [];
  const subscribeFrom = async (address: string) => {
    const connection = Object.assign(new FakeConnection({ uid: 'u' }), { address });
    await on.live.subscribe(connection, items);
    done.push(address);
  };
  const many = Array.from({ length: 10 }, () => subscribeFrom('192.0.2.1'));
  await Promise.all([...many, subscribeFrom('192.0.2.2')]);
  expect(done.indexOf('192.0.2.2')).toBeLessThan(3);
});

test('[LIM43] those who subscribe to an object one after another share its snapshot, until it or what they see changes', async () => {
  const on = await setUpLive({ models: [modelOf({ read })] });
  await on.create('/users/1', { a: 1, b: 2 });
  const frameFor = async (fields: readonly string[], level = 'all') => {
    const connection = new FakeConnection({ uid: 'u', data: { level } });
    await on.subscribe(connection, { r: '/users/1', fields });
    on.live.drop(connection);
    return connection.frames[0];
  };
  const first = await frameFor(['a']);
  expect(await frameFor(['a'])).toBe(first);
  expect((await frameFor(['b']))?.text).toContain('"body":{"_r":"/users/1","_rev":1,"b":2}');
  expect(await frameFor(['a'], 'other')).not.toBe(first);
  await on.set('/users/1', { a: 'new' });
  expect((await frameFor(['a']))?.text).toContain('"new"');
});

test('[LIM43] objects that are in memory are not read again to subscribe to them', async () => {
  const stored: StoredObject[] = [];
  const on = await setUpLive({
    models: [modelOf({ read })],
    heads: async (rs) => rs.map((r) => stored.find((object) => object.r === r)),
    wrap: (store) => Object.assign(store, { getMany: () => expect.unreachable() }),
  });
  for (const id of uids) stored.push((await on.create(`/users/${id}`, { a: id })).object);
  const connection = new FakeConnection({ uid: 'u' });
  await on.subscribe(connection, ...uids.map((id) => `/users/${id}`));
  await on.live.settled();
  expect(connection.summaries()).toEqual(uids.map(() => 'snapshot 1'));
});
