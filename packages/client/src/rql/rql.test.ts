import { beforeEach, expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { LiveList } from '../live-copy.js';
import type { Really } from '../really.js';
import type { ListQuery } from '../requests/list-query.js';
import { rql } from './mod.js';

// biome-ignore lint/suspicious/noExplicitAny: whatever fields a test gives it
type Untyped = any;

let world: FakeWorld;
let client: Really;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected({ rql: rql() });
});

const item = (id: number | string, n: number, rev = 1) => ({ _r: `/a/${id}`, _rev: rev, n });
/** A push of the list. `once`: of an own write. */
const push = (evt: string, members: object, once?: string, subscription = 'q1') =>
  world.socket.say({
    ...{ evt, r: '/a/*', ...members },
    meta: { opBy: { uid: 'amal' }, subscription, pos: 'p', once },
  });
const set = (rev: number, n: number) => ({ rev, body: { n: { op: 'set', opValue: n } } });

interface Heard {
  readonly live: LiveList<Untyped>;
  /** Each change: its kind, the id of its object, and every `n` in the list. */
  readonly heard: string[];
}

async function liveList(query: ListQuery, ...bodies: object[]): Promise<Heard> {
  const live = client.live(client.collection('/a'), query);
  const heard: string[] = [];
  live.subscribe((value, change) => {
    const id = 'r' in change ? ` ${change.r.slice(3)}` : '';
    heard.push(`${change.kind}${id}: ${value?.map(({ n }: Untyped) => n)}`);
  });
  await world.settle();
  world.socket.answer('read', {
    ...{ r: '/a/*', meta: { subscription: 'q1', view: 'v' } },
    body: { items: bodies.map((body) => ({ meta: { fields: [] }, body })) },
  });
  heard.length = 0;
  return { live, heard };
}

const positive = { filter: 'n > $low', values: { low: 0 }, sort: 'n' };
const create = (id: string, n: number) => client.collection('/a').create({ n }, { id });
const update = (id: number | string, n: number) =>
  client.object(`/a/${id}`).update((u) => u.set('n', n));
const answerCreate = async (id: string, n: number) => {
  world.socket.answer('create', { body: item(id, n) });
  await world.settle();
};

test('[TSC15] an own new object is in the list at once, in its place, and the server says nothing new', async () => {
  const { live, heard } = await liveList(positive, item(1, 5), item(2, 7));
  const write = create('x', 6);
  expect(live.getSnapshot()).toMatchObject({ pending: true, value: [{}, { n: 6, _rev: 0 }, {}] });
  await answerCreate('x', 6);
  push('created', { body: item('x', 6) }, write.id);
  expect(heard).toEqual(['created x: 5,6,7', 'updated x: 5,6,7']);
  expect(live.getSnapshot().pending).toBe(false);
  push('left', { r: '/a/x', rev: 2 });
  expect(heard.slice(2)).toEqual(['left x: 5,7']);
});

test('[TSC15] the push may come before the answer', async () => {
  const { heard } = await liveList(positive, item(1, 5));
  const write = create('x', 6);
  push('created', { body: item('x', 6) }, write.id);
  await answerCreate('x', 6);
  expect(heard).toEqual(['created x: 5,6', 'updated x: 5,6']);
});

test('[TSC15] what the filter does not find, and what is of another collection, is not in the list', async () => {
  const { live, heard } = await liveList(positive, item(1, 5));
  void create('x', 0);
  void client.collection('/b').create({ n: 6 });
  void client.collection('/a/1/c').create({ n: 6 });
  expect([live.getSnapshot().pending, heard]).toEqual([false, []]);
});

test('[TSC15] a create that leaves out what counts waits for the server, whose model may have a default', async () => {
  const without = (id: string) => client.collection('/a').create({ text: 'a' }, { id });
  // The filter finds it without the field, but not with a default of 9.
  const filtered = await liveList({ filter: 'not (n > 5)' }, item(1, 5));
  void without('x');
  expect([filtered.live.getSnapshot().pending, filtered.heard]).toEqual([false, []]);
  filtered.live.close();
  // Without a value it would come last.
  const { live, heard } = await liveList({ sort: 'n' }, item(1, 5));
  const write = without('y');
  expect([live.getSnapshot().pending, heard]).toEqual([false, []]);
  world.socket.answer('create', { body: { ...item('y', 0), text: 'a' } });
  await write;
  push('created', { body: { ...item('y', 0), text: 'a' } }, write.id);
  expect(heard).toEqual(['created y: 0,5']);
  // What comes later counts, too.
  void without('z');
  void update('z', 3);
  expect(heard.slice(1)).toEqual(['created z: 0,3,5']);
});

test('[TSC15] an own change takes an object out, moves it, and brings it in', async () => {
  const { heard } = await liveList(positive, item(1, 5), item(2, 7));
  const out = update(1, 0);
  world.socket.answer('update', { r: '/a/1', rev: 2 });
  await out;
  push('left', { r: '/a/1', rev: 2 }, out.id);
  const moved = update(2, 9);
  world.socket.answer('update', { r: '/a/2', rev: 2 });
  await moved;
  push('updated', { r: '/a/2', ...set(2, 9) }, moved.id);
  expect(heard).toEqual(['left 1: 7', 'status: 7', 'local 2: 9', 'updated 2: 9']);
  // Known by a live copy of its own.
  const live = client.live(client.object('/a/3'));
  await world.settle();
  const subscriptions = [{ r: '/a/3', view: 'v' }];
  world.socket.answer('subscribe', { body: { subscriptions } });
  world.socket.say({ evt: 'snapshot', r: '/a/3', rev: 4, body: item(3, -1, 4), meta: {} });
  const back = update(3, 4);
  expect(heard.slice(4)).toEqual(['entered 3: 4,9']);
  world.socket.answer('update', { r: '/a/3', rev: 5 });
  await back;
  // The push of its own subscription comes first: it is in the list all the same.
  world.socket.say({ evt: 'updated', r: '/a/3', ...set(5, 4), meta: { once: back.id } });
  push('entered', { body: item(3, 4, 5) }, back.id);
  expect(heard.slice(5).every((change) => change.endsWith('3: 4,9'))).toBe(true);
  live.close();
});

test('[TSC15] the push of an object of its own before that of the list is no reason to come back', async () => {
  const { heard } = await liveList(positive, item(1, 5), item(2, 7));
  const live = client.live(client.object('/a/1'));
  await world.settle();
  world.socket.answer('subscribe', { body: { subscriptions: [{ r: '/a/1', view: 'v' }] } });
  world.socket.say({ evt: 'snapshot', r: '/a/1', rev: 1, body: item(1, 5), meta: {} });
  const write = update(1, 0);
  world.socket.answer('update', { r: '/a/1', rev: 2 });
  await write;
  world.socket.say({ evt: 'updated', r: '/a/1', ...set(2, 0), meta: { once: write.id } });
  expect(live.value?.n).toBe(0);
  push('left', { r: '/a/1', rev: 2 }, write.id);
  await world.pass(6_000);
  expect(heard.filter((change) => !change.startsWith('status'))).toEqual(['left 1: 7']);
});

test('[TSC15] a refusal takes back what the write did to the list', async () => {
  const { heard } = await liveList(positive, item(1, 5), item(2, 7));
  const error = { code: 403, message: 'forbidden' };
  const created = create('x', 6);
  world.socket.answer('create', { error });
  await expect(created.committed).rejects.toThrow('forbidden');
  const updated = update(1, 0);
  world.socket.answer('update', { error });
  await expect(updated.committed).rejects.toThrow('forbidden');
  const deleted = client.object('/a/2').delete();
  world.socket.answer('delete', { error });
  await expect(deleted.committed).rejects.toThrow('forbidden');
  expect(heard).toEqual([
    ...['created x: 5,6,7', 'left x: 5,7'],
    ...['left 1: 7', 'entered 1: 5,7'],
    ...['left 2: 5', 'entered 2: 5,7'],
  ]);
});

test('[TSC15] a window has no more than its limit, and shows nothing from behind its end', async () => {
  const { heard } = await liveList({ ...positive, limit: 2 }, item(1, 5), item(2, 7));
  const [behind, before] = [create('y', 8), create('x', 6)];
  expect(heard).toEqual(['left 2: 5', 'created x: 5,6']);
  await answerCreate('x', 6);
  push('left', { r: '/a/2', rev: 1 }, before.id);
  push('created', { body: item('x', 6) }, before.id);
  expect(heard.slice(2)).toEqual(['status: 5,6', 'updated x: 5,6']);
  // There may be others that come before it.
  void client.object('/a/1').delete();
  expect(heard.slice(4)).toEqual(['left 1: 6']);
  expect(behind.state).toBe('sent');
});

test('[TSC15] a window that is told of the new object first does not show the one that goes', async () => {
  const { heard } = await liveList({ ...positive, limit: 2 }, item(1, 5), item(2, 7));
  const write = create('x', 6);
  push('created', { body: item('x', 6) }, write.id);
  push('left', { r: '/a/2', rev: 1 }, write.id);
  expect(heard.slice(2)).toEqual(['updated x: 5,6', 'status: 5,6']);
});

test('[TSC15] what the server does not tell the list of is as the server has it after a while', async () => {
  const { heard } = await liveList(positive, item(1, 5));
  void create('x', 6);
  await answerCreate('x', 6);
  await world.pass(6_000);
  expect(heard).toEqual(['created x: 5,6', 'left x: 5']);
});

test('[TSC15] what somebody else takes out is out, whatever was written to it', async () => {
  const { heard } = await liveList(positive, item(1, 5), item(2, 7));
  void client.object('/a/1').update((u) => u.push('log', 'x'));
  push('left', { r: '/a/1', rev: 2 });
  expect(heard).toEqual(['local 1: 5,7', 'left 1: 7']);
});

test('[TSC15] a lost answer makes no difference to the list', async () => {
  const { live, heard } = await liveList(positive, item(1, 5));
  const write = create('x', 6);
  await world.lose();
  world.socket.answer('read', {
    meta: { subscription: 'q1', view: 'v' },
    body: { items: [{ body: item(1, 5) }, { body: item('x', 6) }] },
  });
  await answerCreate('x', 6);
  await world.pass(6_000);
  expect(heard.filter((change) => change.includes(' x'))).toEqual([
    ...['created x: 5,6', 'updated x: 5,6'],
  ]);
  expect(live.value).toMatchObject([{ n: 5 }, { n: 6, _rev: 1 }]);
  await write;
});

test('[TSC15] a list that lacks a field of the filter is as the server says', async () => {
  const { heard } = await liveList({ ...positive, sort: 'log', fields: ['log'] }, item(1, 5));
  void create('x', 6);
  expect(heard).toEqual([]);
  const invalid = client.live(client.collection('/a'), { filter: 'n >' });
  void create('y', 6);
  expect(invalid.status).toBe('loading');
});

test('[TSC15] a filter that means something else to the server is left to it', async () => {
  const query = { filter: "n >= '2026-01-01T00:00:00+01:00'" };
  const stored = { _r: '/a/1', _rev: 1, n: '2025-12-31T23:00:00.000Z' };
  const { live, heard } = await liveList(query, stored);
  void client.object('/a/1').update((u) => u.push('log', 'x'));
  expect([live.value?.length, heard.length]).toEqual([1, 1]);
});

test('[TSC15] a listener that writes is told of each change once', async () => {
  const { live, heard } = await liveList({ ...positive, limit: 2 }, item(1, 5), item(2, 7));
  let isDone = false;
  live.subscribe((_, change) => {
    if (change.kind !== 'left' || isDone) return;
    isDone = true;
    void create('z', 4);
  });
  void create('x', 6);
  const members = new Set(['1', '2']);
  for (const change of heard) {
    const [, kind, id = ''] = /^(\w+) (\w+)/.exec(change) ?? [];
    if (kind === 'left') expect(members.delete(id)).toBe(true);
    if (kind === 'created' || kind === 'entered') {
      expect(members.has(id)).toBe(false);
      members.add(id);
    }
  }
  expect(live.value?.map(({ n }: Untyped) => n)).toEqual([4, 5]);
});

test('[TSC3] without the entry a new object is in the list when the server says so', async () => {
  client = await world.connected();
  const { heard } = await liveList(positive, item(1, 5));
  const write = create('x', 6);
  expect(heard).toEqual([]);
  push('created', { body: item('x', 6) }, write.id);
  expect(heard).toEqual(['created x: 5,6']);
});
