import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { Really } from '../really.js';
import { OwnCreates } from './own-creates.js';

let world: FakeWorld;
let client: Really;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  client.close();
});

const r = '/rooms/1/messages/a';
const create = () => client.collection('/rooms/1/messages').create({ text: 'Hi' }, { id: 'a' });
const drawn = { _r: r, _rev: 0, text: 'Hi' };
const refusal = { error: { code: 403, message: 'forbidden' } };
/** Lets promises and microtasks go on. */
const settle = () => vi.advanceTimersByTimeAsync(0);

function heard(collection = '/rooms/1/messages') {
  const creates = new OwnCreates(client, collection);
  const listener = vi.fn();
  return { creates, listener, end: creates.subscribe(listener) };
}

test('[RCT7] what is created is there at once, until the list has it, and not again', async () => {
  const { creates, listener, end } = heard();
  expect(creates.getSnapshot()).toEqual([]);
  void create();
  expect(creates.getSnapshot()).toEqual([drawn]);
  expect(listener).toHaveBeenCalled();
  expect(creates.getSnapshot()).toBe(creates.getSnapshot());
  // A push may come before the answer.
  creates.listed([r]);
  void client.collection('/rooms/1/messages').create({ text: 'Ho' }, { id: 'b' });
  expect(creates.getSnapshot()).toMatchObject([{ text: 'Ho' }]);
  end();
  expect(creates.getSnapshot()).toEqual([]);
});

test('[RCT7] each list has what it lacks, whatever another one has', () => {
  const [first, second] = [heard(), heard()];
  void create();
  first.creates.listed([r]);
  expect(first.creates.getSnapshot()).toEqual([]);
  expect(second.creates.getSnapshot()).toEqual([drawn]);
  first.end();
  second.end();
});

test('[RCT7] what waited before, as after a reload, is there, and what others do to it shows', async () => {
  void create();
  void client.object(r).update((u) => u.set('text', 'Hello'));
  const { creates, end } = heard('/rooms/*/messages/*');
  expect(creates.getSnapshot()).toMatchObject([{ text: 'Hello' }]);
  void client.object(r).delete();
  expect(creates.getSnapshot()).toEqual([]);
  end();
});

test('[RCT7] what is refused is gone, and what no list gets goes after 5 s', async () => {
  const { creates, end } = heard();
  const refused = create();
  world.socket.answer('create', refusal);
  await expect(refused).rejects.toThrow('forbidden');
  expect(creates.getSnapshot()).toEqual([]);

  const write = client.collection('/rooms/1/messages').create({ text: 'Ho' }, { id: 'b' });
  world.socket.answer('create', { body: { _r: '/rooms/1/messages/b', _rev: 1, text: 'Ho' } });
  await write;
  await vi.advanceTimersByTimeAsync(4_999);
  expect(creates.getSnapshot()).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(creates.getSnapshot()).toEqual([]);
  end();
});

test('[RCT7] other collections, and other writes, are no part of it', async () => {
  const { creates, listener, end } = heard();
  void client.collection('/rooms/2/messages').create({ text: 'Hi' });
  void client.collection('/rooms').create({ name: 'Hi' });
  void client.object(r).update((u) => u.set('text', 'Hello'));
  await settle();
  expect(creates.getSnapshot()).toEqual([]);
  expect(listener).not.toHaveBeenCalled();
  end();
});
