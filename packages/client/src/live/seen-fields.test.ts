import type { JsonObject } from '@really/protocol/client';
import { expect, test } from 'vitest';
import { client, liveObject, r, type Untyped, world } from './live-copy.fixture.js';

/** A live list of these fields, which has one object. */
function liveList(fields: readonly string[], item: JsonObject) {
  const list = client.live(client.collection('/a'), { fields } as Untyped);
  const body = { items: [{ body: { _r: r, ...item } }] };
  world.socket.answer('read', { body, meta: { subscription: 's1', pos: 'p1' } });
  return list;
}

const set = (...keys: string[]) =>
  void client.object(r).update((u) => keys.reduce((all, key) => all.set(key, 1), u));
const last = () => world.socket.last('update');
const asked = () => world.socket.all('get').length;

test('[TSC3] an update of what a list of some fields shows names its revision; other fields are asked for', () => {
  liveList(['a', 'b'], { _rev: 4, a: 1 });
  void set('a');
  expect(last()).toMatchObject({ rev: 4, cmdOpts: { epoch: 'e1' } });
  expect(asked()).toBe(0);
  // Nothing is known of what happened to b since.
  world.socket.answer('update', { rev: 9 });
  void set('b');
  expect(last().rev).toBe(4);
  world.socket.answer('update', { rev: 10 });
  void set('a', 'c');
  expect(asked()).toBe(1);
  world.socket.answer('get', { body: { _r: r, _rev: 12 } });
  // Nothing came between the two own writes.
  expect(last().rev).toBe(10);
});

test('[TSC3] a field set has the fields that are in the value', () => {
  liveList(['@card'], { _rev: 4, a: 1 });
  void set('a');
  expect([last().rev, asked()]).toEqual([4, 0]);
  world.socket.answer('update', { rev: 5 });
  void set('b');
  expect(asked()).toBe(1);
});

test('[TSC3] what was seen in a list that has lost the object counts', () => {
  liveList(['a'], { _rev: 4, a: 1 });
  world.socket.say({ evt: 'left', r, rev: 5, meta: { subscription: 's1', pos: 'p2' } });
  void set('a');
  expect([last().rev, asked()]).toEqual([4, 0]);
});

test('[TSC3] what was seen in a list that is closed counts', () => {
  const list = liveList(['a'], { _rev: 4, a: 1 });
  list.close();
  void set('a');
  expect([last().rev, asked()]).toEqual([4, 0]);
});

test('[TSC3] what was seen in a live object that is closed counts, and goes up with own writes', async () => {
  const { live } = await liveObject();
  live.close();
  void set('z');
  expect([last().rev, asked()]).toEqual([3, 0]);
  world.socket.answer('update', { rev: 4 });
  void set('n');
  expect(last().rev).toBe(4);
});

test('[TSC3] a read of some fields says nothing of the others', async () => {
  const got = client.object(r).get({ fields: ['a'] });
  world.socket.answer('get', { body: { _r: r, _rev: 7, a: 1 } });
  await got;
  void set('a');
  expect([last().rev, asked()]).toEqual([7, 1]);
  world.socket.answer('update', { rev: 9 });
  void set('b');
  expect(asked()).toBe(2);
});

test('[TSC3] a field that an own write merged into counts as seen no later than it was', () => {
  liveList(['a'], { _rev: 4, a: 1 });
  void client.object(r).update((u) => u.addNumber('a', 1));
  void set('a');
  // Others may have set it at 5 to 8: that is refused as with whole copies, and not overwritten.
  world.socket.answer('update', { rev: 9 });
  expect([last().rev, last().body.ops[0].op, asked()]).toEqual([4, 'set', 0]);
});

test('[TSC3] what follows an own merge without a gap is as good as seen', () => {
  liveList(['a'], { _rev: 4, a: 1 });
  void client.object(r).update((u) => u.addNumber('a', 1));
  void set('a');
  world.socket.answer('update', { rev: 5 });
  expect([last().rev, last().body.ops[0].op, asked()]).toEqual([5, 'set', 0]);
});

test('[TSC3] once the push of an own merge has come, its revision is the one that was seen', () => {
  liveList(['a'], { _rev: 4, a: 1 });
  const write = client.object(r).update((u) => u.addNumber('a', 1));
  world.socket.answer('update', { rev: 9 });
  // Before it, others may have changed the field unseen.
  void set('a');
  expect([last().rev, asked()]).toEqual([4, 0]);
  world.socket.answer('update', { error: { code: 409, message: 'object.revision.outdated' } });
  const meta = { subscription: 's1', pos: 'p2', prev: 4, once: write.id };
  const body = { a: { op: 'addNumber', opValue: 1, value: 2 } };
  world.socket.say({ evt: 'updated', r, rev: 9, meta, body });
  void set('a');
  expect([last().rev, asked()]).toEqual([9, 0]);
});

test('[TSC3] what another user saw does not count', async () => {
  const list = liveList(['a'], { _rev: 4, a: 1 });
  list.close();
  await world.lose({ user: { uid: 'beno' } });
  void set('a');
  expect(asked()).toBe(1);
});

test('[TSC3] nor does what was seen in another store', async () => {
  liveList(['a'], { _rev: 4, a: 1 });
  await world.lose({ epoch: 'e2' });
  void set('a');
  expect(asked()).toBe(1);
});

test('[TSC3] a create is seen whole, also where a list of some fields had it before the answer', () => {
  liveList(['a'], { _rev: 4, a: 1 });
  const write = client.collection('/a').create({ a: 1 });
  const created = write.commands[0]?.r ?? '';
  const meta = { subscription: 's1', pos: 'p2', once: write.id };
  world.socket.say({ evt: 'created', meta, body: { _r: created, _rev: 1, a: 1 } });
  world.socket.answer('create', { body: { _r: created, _rev: 1, a: 1 } });
  void client.object(created).update((u) => u.set('b', 1));
  expect([last().rev, asked()]).toEqual([1, 0]);
});

test('[TSC3] what was seen of some fields names its store, in merges and deletes, too', async () => {
  liveList(['a'], { _rev: 4, a: 1 });
  void client.object(r).update((u) => u.addNumber('a', 1));
  expect(last().cmdOpts).toMatchObject({ epoch: 'e1' });
  world.socket.answer('update', { rev: 5 });
  void client.object(r).delete({ rev: 4 });
  expect(world.socket.last('delete')).toMatchObject({ rev: 4, cmdOpts: { epoch: 'e1' } });
});

test('[TSC3] a delete that names no revision names no store', () => {
  liveList(['a'], { _rev: 4, a: 1 });
  void client.object(r).delete();
  expect(world.socket.last('delete').cmdOpts).not.toHaveProperty('epoch');
});

test('[TSC3] a revision that was asked for is of the present store', async () => {
  liveList(['a'], { _rev: 4, a: 1 });
  world.socket.drop();
  void set('b');
  void set('a', 'c');
  await world.pass(400);
  await world.reconnect({ epoch: 'e2' });
  world.socket.answer('get', { body: { _r: r, _rev: 2 } });
  expect(last()).toMatchObject({ rev: 2, cmdOpts: { epoch: 'e2' } });
  // Of this one the app has seen a field, in the other store: that is for the server to refuse.
  world.socket.answer('update', { rev: 3 });
  world.socket.answer('get', { body: { _r: r, _rev: 3 } });
  expect(last().cmdOpts).toMatchObject({ epoch: 'e1' });
});
