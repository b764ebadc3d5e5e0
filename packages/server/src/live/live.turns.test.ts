import { expect, test } from 'vitest';
import { Ear, itemOf, modelOf, readsAll, rule, settle, stage } from './live.fixture.js';

const uids = Array.from({ length: 30 }, (_, n) => `u${n}`);
const read = rule(({ auth }) => auth.uid !== 'nobody' && auth.data?.lesser !== true, readsAll);

/** Thirty audiences of two, subscribed to this. */
async function crowd(r: string) {
  const on = await stage({ models: [modelOf({ read })], isHurried: true });
  await on.create('/users/1', { a: 0 });
  const ears = [...uids, ...uids].map((uid) => new Ear(uid));
  for (const ear of ears) await on.subscribe(ear, r);
  await on.live.settled();
  for (const ear of ears) ear.frames.length = 0;
  return { on, ears };
}

const toldOf = (ears: readonly Ear[]) => ears.filter(({ frames }) => frames.length > 0).length;

test('[LIM42] a change that many audiences hear is told in several turns, each once and in order', async () => {
  const { on, ears } = await crowd('/users/1');
  await on.set('/users/1', { a: 1 });
  expect(toldOf(ears)).toBeLessThan(ears.length);
  for (let a = 2; a <= 5; a++) await on.set('/users/1', { a });
  const [gone, renewed, ...others] = ears;
  if (!gone || !renewed) throw new Error('there are more');
  on.live.drop(gone);
  renewed.auth = { uid: renewed.auth.uid, data: { is: 'another' } };
  on.live.reauthorized(renewed);
  const late = new Ear('late');
  const { start } = await on.live.subscribe(late, [itemOf('/users/1')]);
  start();
  await on.live.settled();
  await on.remove('/users/1');
  await on.live.settled();
  const all = [2, 3, 4, 5, 6].map((rev) => `updated ${rev}`);
  for (const ear of others) expect(ear.told()).toEqual([...all, 'deleted 7']);
  expect(renewed.told()).toEqual([...all, 'deleted 7']);
  expect(late.told()).toEqual(['snapshot 6', 'deleted 7']);
  expect(on.live.counts().subscriptions).toBe(0);
});

test('[LIM42] so is a creation in a collection that many hear of', async () => {
  const { on, ears } = await crowd('/users/*');
  await on.create('/users/2', { a: 1 });
  expect(toldOf(ears)).toBeLessThan(ears.length);
  await on.create('/users/3', { a: 1 });
  await on.live.settled();
  for (const ear of ears) expect(ear.told()).toEqual(['created /users/2', 'created /users/3']);
});

/** One that is subscribed to thirty objects and thirty collections. */
async function subscriber() {
  const models = [modelOf({ read }), modelOf({ name: 'users/posts', read })];
  const on = await stage({ models, isHurried: true });
  const rs = uids.map((id) => `/users/${id}`);
  for (const r of rs) await on.create(r, { a: 0 });
  const ear = new Ear({ uid: 'u' });
  const all = [...rs, ...rs.map((r) => `${r}/posts/*`)];
  const { start } = await on.live.subscribe(ear, all.map(itemOf));
  start();
  return { on, rs, ear, all };
}

test('[LIM43] many subscriptions begin in several turns, and each of them does', async () => {
  const { on, rs, ear } = await subscriber();
  expect(ear.frames.length).toBeLessThan(rs.length);
  await on.live.settled();
  expect(ear.told()).toEqual(rs.map(() => 'snapshot 1'));
});

test('[LIM43] after a renewal nothing is told by the earlier rights, and what they are now is found out in several turns', async () => {
  const { on, rs, ear } = await subscriber();
  await on.live.settled();
  ear.frames.length = 0;
  ear.auth = { uid: 'u', data: { is: 'another' } };
  expect(on.live.reauthorized(ear)).toBe(60);
  expect(on.live.reauthorized(ear)).toBeLessThanOrEqual(60);
  for (const r of rs) await on.set(r, { a: 1 });
  await on.create('/users/u3/posts/1', { a: 1 });
  await on.live.settled();
  expect(ear.told().toSorted()).toEqual(
    [...rs.map(() => 'updated 2'), 'created /users/u3/posts/1'].toSorted(),
  );
  ear.auth = { uid: 'u', data: { lesser: true } };
  on.live.reauthorized(ear);
  for (const r of rs) await on.set(r, { a: 2 });
  await on.live.settled();
  expect(new Set(ear.told())).toEqual(new Set(['failed']));
  expect(on.live.counts()).toMatchObject({ subscriptions: 30 });
});

test('[LIM43] models that are loaded again concern many subscriptions in several turns', async () => {
  const { on, rs, ear } = await subscriber();
  await on.live.settled();
  ear.frames.length = 0;
  await on.reload(
    modelOf({ read, version: 2, fields: ['a', 'b'] }),
    modelOf({ name: 'users/posts', read }),
  );
  expect(ear.frames.length).toBeLessThan(rs.length);
  await on.live.settled();
  expect(ear.told()).toEqual(['schemaUpdated', ...rs.map(() => 'snapshot 1')]);
});

test('[LIM43] a connection that goes ends its subscriptions in several turns, and its uid holds them until then', async () => {
  const { on, rs, ear, all } = await subscriber();
  await on.live.settled();
  const parked = on.live.park(ear);
  expect(parked).toHaveLength(all.length);
  const left = on.live.counts();
  expect(left.listeners).toBe(0);
  expect(left.subscriptions).toBeGreaterThan(0);
  const again = new Ear({ uid: 'u' });
  const begin = await on.live.resume(again, parked);
  begin();
  await on.live.settled();
  expect(on.live.counts()).toMatchObject({ listeners: 1, subscriptions: all.length });
  again.frames.length = 0;
  ear.frames.length = 0;
  for (const r of rs) await on.set(r, { a: 3 });
  await on.live.settled();
  await settle();
  expect(again.told().toSorted()).toEqual(rs.map(() => 'updated 2').toSorted());
  expect(ear.frames).toEqual([]);
  on.live.drop(again);
  await on.live.settled();
  expect(on.live.counts()).toMatchObject({
    subscriptions: 0,
    objectTopics: 0,
    collectionTopics: 0,
  });
});
