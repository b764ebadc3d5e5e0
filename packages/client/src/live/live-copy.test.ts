import { beforeEach, describe, expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { Really } from '../really.js';
import type { LiveObject } from './live-copy.js';

let world: FakeWorld;
let client: Really;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected();
});

// biome-ignore lint/suspicious/noExplicitAny: whatever fields a test gives it
type Untyped = any;

const r = '/a/1';
const snapshot = (rev: number, n: number, view = 'v1') => ({
  ...{ evt: 'snapshot', r, rev, meta: { view } },
  body: { _r: r, _rev: rev, n },
});
const added = (rev: number, value: number, meta: object = {}) => ({
  ...{ evt: 'updated', r, rev, meta: { opBy: { uid: 'x' }, ...meta } },
  body: { n: { op: 'addNumber', opValue: 1, value } },
});
const subscribed = (...views: string[]) =>
  world.socket.answer('subscribe', {
    body: {
      subscriptions: world.socket
        .last('subscribe')
        .body.subscriptions.map((item: { r: string }, at: number) => ({
          ...{ r: item.r, fields: ['n'], view: views[at] ?? 'v1' },
        })),
    },
  });

/** Everything that listeners heard: the kind and the revision of each change, and the value of n. */
function heardBy(live: LiveObject<Untyped>): unknown[] {
  const heard: unknown[] = [];
  live.subscribe((value, change) => {
    heard.push([change.kind, 'rev' in change ? change.rev : '', value?.n]);
  });
  return heard;
}

async function liveObject() {
  const live = client.live(client.object(r));
  const heard = heardBy(live);
  await world.settle();
  subscribed();
  world.socket.say(snapshot(3, 5));
  return { live, heard };
}

describe('objects', () => {
  test('[TSC4] [TSC10] one subscription and one copy for all listeners, and a snapshot that is stable', async () => {
    const { live, heard } = await liveObject();
    const other = client.live(client.object(r));
    const also = heardBy(other);
    await world.settle();
    expect(world.socket.all('subscribe')).toHaveLength(1);
    expect(other.value).toBe(live.value);
    const before = live.getSnapshot();
    expect(live.getSnapshot()).toBe(before);
    expect(before).toEqual({
      ...{ status: 'live', stale: false, pending: false, error: undefined },
      value: { _r: r, _rev: 3, n: 5 },
    });
    world.socket.say(added(4, 6));
    expect(live.getSnapshot()).not.toBe(before);
    expect(before.value).toEqual({ _r: r, _rev: 3, n: 5 });
    expect(heard).toEqual([
      ['snapshot', 3, 5],
      ['updated', 4, 6],
    ]);
    expect(also).toEqual([['updated', 4, 6]]);
    live.close();
    expect(live.status).toBe('closed');
    expect(world.socket.all('unsubscribe')).toEqual([]);
    other.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: [r] });
    expect(live.value).toMatchObject({ n: 6 });
  });

  test('[TSC4] many objects are subscribed to with one message', async () => {
    for (let at = 0; at < 3; at++) client.live(client.object(`/b/${at}`));
    await world.settle();
    expect(world.socket.last('subscribe').body.subscriptions).toHaveLength(3);
  });

  test('[TSC10] a listener that throws does not stop the others', async () => {
    const { live } = await liveObject();
    const thrown: unknown[] = [];
    const keep = (error: unknown) => thrown.push(error);
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', keep);
    live.subscribe(() => {
      throw new Error('in a listener');
    });
    const heard = heardBy(live);
    world.socket.say(added(4, 6));
    await world.settle();
    process.removeAllListeners('uncaughtException');
    for (const listener of before) process.on('uncaughtException', listener);
    expect(heard).toEqual([['updated', 4, 6]]);
    expect(thrown).toMatchObject([{ message: 'in a listener' }]);
  });

  test('[TSC6] resumed: nothing is asked for, what was missed follows, nothing is heard twice', async () => {
    const { live, heard } = await liveObject();
    world.socket.say(added(4, 6));
    world.socket.drop();
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: true });
    const write = client.object(r).update((u) => u.set('m', 1));
    expect(live.getSnapshot()).toMatchObject({ stale: true, pending: true });
    heard.pop();
    await world.pass(400);
    await world.settle();
    world.socket.open();
    expect(world.socket.last('initialize')).toMatchObject({
      'connection-handle': 'h1',
      received: 2,
    });
    world.socket.initialized({ resumed: true, 'connection-handle': 'h2' });
    await world.settle();
    expect(world.socket.all('subscribe')).toEqual([]);
    expect(write.state).toBe('sent');
    world.socket.say(added(4, 6));
    world.socket.say(added(5, 7));
    expect(live.getSnapshot()).toMatchObject({ stale: false, value: { n: 7 } });
    expect(heard).toEqual([
      ...[
        ['snapshot', 3, 5],
        ['updated', 4, 6],
        ['status', '', 6],
        ['status', '', 6],
      ],
      ['updated', 5, 7],
    ]);
  });

  test('[TSC6] not resumed: it goes on from the revision and view that were heard', async () => {
    const { live, heard } = await liveObject();
    world.socket.say(added(4, 6, { view: 'v2' }));
    await world.lose({ resumed: false, 'connection-handle': 'h2' });
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r, rev: 4, view: 'v2' }]);
    subscribed('v2');
    expect(live.getSnapshot().stale).toBe(false);
    world.socket.say(added(7, 8, { prev: 4 }));
    expect(heard.at(-1)).toEqual(['updated', 7, 8]);
  });

  test('[TSC6] under another view, or in another store, one reset', async () => {
    const { live, heard } = await liveObject();
    await world.lose({ epoch: 'e2' });
    subscribed('v9');
    expect(live.getSnapshot()).toMatchObject({ stale: true, value: { n: 5 } });
    world.socket.say(snapshot(1, 1, 'v9'));
    expect(heard.slice(1)).toEqual([
      ['status', '', 5],
      ['reset', 1, 1],
    ]);
    await world.lose({ epoch: 'e2' });
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r, rev: 1, view: 'v9' }]);
  });

  test('[TSC6] what was deleted is asked for again where the store is another one, and not before', async () => {
    const { live } = await liveObject();
    world.socket.say({ evt: 'deleted', r, rev: 4 });
    await world.lose();
    expect([live.status, world.socket.all('subscribe')]).toEqual(['deleted', []]);
    await world.lose({ epoch: 'e2' });
    expect(live.status).toBe('loading');
    subscribed();
    world.socket.say(snapshot(2, 9));
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false, value: { n: 9 } });
  });

  test('[TSC6] a revision that the server does not know is forgotten', async () => {
    const { live } = await liveObject();
    await world.lose();
    const error = { code: 409, message: 'object.revision.unknown' };
    world.socket.answer('subscribe', { body: { subscriptions: [], failures: [{ r, error }] } });
    await world.settle();
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r }]);
    subscribed();
    world.socket.say(snapshot(2, 9));
    expect(live.value).toMatchObject({ n: 9, _rev: 2 });
  });

  test('[TSC6] a push that does not follow what is known has it fetched again', async () => {
    const { live, heard } = await liveObject();
    world.socket.say(added(9, 11));
    expect(live.value).toMatchObject({ n: 5 });
    await world.settle();
    expect(world.socket.last('unsubscribe').body.subscriptions).toEqual([r]);
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r }]);
    // Of the old subscription.
    world.socket.say(added(10, 12));
    subscribed();
    world.socket.say(snapshot(10, 12));
    expect(heard.slice(1)).toEqual([
      ['status', '', 5],
      ['reset', 10, 12],
    ]);
  });

  test('[TSC6] deleted, failed, and not available for the moment', async () => {
    const { live, heard } = await liveObject();
    world.socket.say({ evt: 'deleted', r, rev: 4, meta: { opBy: { uid: 'x' } } });
    expect(live.getSnapshot()).toMatchObject({ status: 'deleted', value: undefined });
    expect(heard.at(-1)).toEqual(['deleted', 4, undefined]);
    const [secret, busy] = ['/s/1', '/b/1'].map((address) => client.live(client.object(address)));
    await world.settle();
    const failures = [
      { r: '/s/1', error: { code: 403, message: 'forbidden' } },
      { r: '/b/1', error: { code: 503, message: 'server.unavailable' } },
    ];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(secret?.getSnapshot()).toMatchObject({
      status: 'failed',
      error: { code: 403, retry: 'never', r: '/s/1' },
    });
    expect(busy?.status).toBe('loading');
    await world.pass(1_300);
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r: '/b/1' }]);
    // In a new session the rights may be others.
    await world.lose();
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([
      { r: '/s/1' },
      { r: '/b/1' },
    ]);
  });

  test('[TSC6] a subscription whose answer was lost is given up before it is asked for again', async () => {
    const live = client.live(client.object(r));
    const list = client.live(client.collection('/a'));
    await world.settle();
    await world.lose({ resumed: true, 'connection-handle': 'h2' });
    expect(world.socket.sent.map(({ cmd, body }) => [cmd, body?.subscriptions])).toEqual([
      ['initialize', undefined],
      ...[
        ['unsubscribe', [r]],
        ['subscribe', [{ r }]],
        ['read', undefined],
      ],
    ]);
    // What the server says on them until then is about nothing.
    world.socket.say(snapshot(3, 5));
    world.socket.say({ evt: 'left', r, rev: 2, meta: { subscription: 'q9', pos: 'p' } });
    world.socket.say({ evt: 'left', r, rev: 3, meta: { subscription: 'q9', pos: 'p' } });
    expect(live.value).toBeUndefined();
    expect(world.socket.all('unsubscribe').map(({ body }) => body.subscriptions)).toEqual([
      [r],
      ['q9'],
    ]);
    list.close();
  });

  test('[TSC6] an object that nobody creates is missing, also with a write to it on its way', async () => {
    const live = client.live(client.object('/a/none'));
    void client.object('/a/none').update((u) => u.addNumber('n', 1));
    await world.settle();
    const failures = [{ r: '/a/none', error: { code: 404, message: 'object.missing' } }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    world.socket.answer('update', { error: { code: 404, message: 'object.missing' } });
    await world.settle();
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(live.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 404 } });
  });

  test('[TSC6] a missing object that a list brings is subscribed to', async () => {
    const live = client.live(client.object(r));
    await world.settle();
    const failures = [{ r, error: { code: 404, message: 'object.missing' } }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(live.status).toBe('failed');
    client.live(client.collection('/a'));
    const items = [{ meta: { fields: [] }, body: { _r: r, _rev: 1, n: 5 } }];
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
    await world.settle();
    expect(world.socket.all('subscribe')).toHaveLength(2);
    subscribed();
    const snapshot = { evt: 'snapshot', r, rev: 1, meta: { view: 'v' } };
    world.socket.say({ ...snapshot, body: { _r: r, _rev: 1, n: 5 } });
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false });
  });

  test('[TSC6] another user sees nothing of what the last one saw', async () => {
    const { live } = await liveObject();
    const list = client.live(client.collection('/a'));
    const items = [{ meta: { fields: [] }, body: { _r: r, _rev: 3, n: 5 } }];
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
    await world.lose({ user: { uid: 'beno' } });
    for (const { status, value } of [live.getSnapshot(), list.getSnapshot()]) {
      expect([status, value]).toEqual(['loading', undefined]);
    }
    expect(world.socket.last('subscribe').body.subscriptions).toEqual([{ r }]);
    expect(world.socket.last('read').cmdOpts).toEqual({ subscribe: true });
  });

  test('[TSC6] what a listener opens while it hears of another user is asked for', async () => {
    const { live } = await liveObject();
    live.subscribe(() => {
      if (live.status === 'loading') client.live(client.collection('/a'));
    });
    await world.lose({ user: { uid: 'beno' } });
    expect(world.socket.all('read').map((sent) => sent.r)).toEqual(['/a/*']);
  });

  test('[TSC6] an object that a list finds behind while it is asked for is not given up', async () => {
    const list = client.live(client.collection('/a'));
    const items = [{ meta: { fields: [] }, body: { _r: r, _rev: 3, n: 5 } }];
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
    const live = client.live(client.object(r));
    await world.settle();
    world.socket.say(added(5, 7, { subscription: 'q1' }));
    list.close();
    await world.settle();
    expect(world.socket.all('unsubscribe').map(({ body }) => body.subscriptions)).toEqual([['q1']]);
    expect(world.socket.all('subscribe')).toHaveLength(1);
    subscribed();
    world.socket.say(snapshot(5, 7));
    world.socket.say(added(6, 8));
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false, value: { n: 8 } });
  });

  test('[TSC6] what was given up while the connection dropped is given up in the next one', async () => {
    const { live } = await liveObject();
    live.close();
    world.socket.drop();
    await world.pass(400);
    const again = client.live(client.object(r));
    await world.settle();
    world.socket.open();
    world.socket.initialized({ resumed: true });
    await world.settle();
    expect(world.socket.sent.slice(1).map(({ cmd }) => cmd)).toEqual(['unsubscribe', 'subscribe']);
    // Of the old subscription: there is nothing to apply it to.
    world.socket.say(added(4, 6));
    subscribed();
    world.socket.say(snapshot(4, 6));
    expect(again.value).toMatchObject({ n: 6 });
  });
});

describe('optimistic writes', () => {
  const add = () => client.object(r).update((u) => u.addNumber('n', 1));

  test('[TSC3] is drawn at once, and goes with the push that carries its id', async () => {
    const { live, heard } = await liveObject();
    const write = add();
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { n: 6, _rev: 3 } });
    world.socket.answer('update', { rev: 4 });
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { n: 6 } });
    world.socket.say(added(4, 6, { once: write.id }));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 6, _rev: 4 } });
    expect(heard.slice(1)).toEqual([
      ['local', '', 6],
      ['updated', 4, 6],
    ]);
  });

  test('[TSC3] replayed on what others do, and never drawn twice', async () => {
    const { live, heard } = await liveObject();
    void add();
    void add();
    world.socket.say(added(4, 6));
    expect(live.value).toMatchObject({ n: 8, _rev: 4 });
    world.socket.answer('update', { rev: 5 });
    world.socket.say(added(5, 7));
    expect(live.value).toMatchObject({ n: 8, _rev: 5 });
    world.socket.answer('update', { rev: 6 });
    world.socket.say(added(6, 8));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 8 } });
    expect(heard.map((entry) => (entry as unknown[])[2])).toEqual([5, 6, 7, 8, 8, 8]);
  });

  test('[TSC3] a refusal takes it back, with one event that has the present value', async () => {
    const { live, heard } = await liveObject();
    const values: unknown[] = [];
    client.on('write-refused', (refusal) => values.push(refusal.values.get(r)));
    const set = client.object(r).update((u) => u.set('n', 100));
    void add();
    expect(live.value).toMatchObject({ n: 101 });
    world.socket.answer('update', { error: { code: 409, message: 'object.revision.outdated' } });
    await expect(set).rejects.toThrow('object.revision.outdated');
    expect(live.value).toMatchObject({ n: 6 });
    expect(values).toMatchObject([{ n: 6 }]);
    expect(heard.slice(1).map((entry) => (entry as unknown[])[2])).toEqual([100, 101, 6]);
  });

  test('[TSC3] what somebody else did before an own write is not seen until it is shown', async () => {
    const { live } = await liveObject();
    void add();
    // Revision 4 is of somebody else, and its push is on its way.
    world.socket.answer('update', { rev: 5 });
    const set = () => client.object(r).update((u) => u.set('m', 1));
    const blind = set();
    expect(world.socket.last('update')).toMatchObject({ rev: 3 });
    world.socket.answer('update', { error: { code: 409, message: 'object.revision.outdated' } });
    await expect(blind).rejects.toThrow('object.revision.outdated');
    world.socket.say(added(4, 6));
    world.socket.say(added(5, 7));
    expect(live.value).toMatchObject({ n: 7, _rev: 5 });
    void set();
    expect(world.socket.last('update')).toMatchObject({ rev: 5 });
  });

  test('[TSC3] an own write that a copy has shown is seen also when the copy is gone', async () => {
    const { live } = await liveObject();
    const write = add();
    world.socket.say(added(4, 6, { once: write.id }));
    world.socket.say(added(5, 7));
    world.socket.answer('update', { rev: 4 });
    await write;
    live.close();
    await world.settle();
    void client.object(r).update((u) => u.set('m', 1));
    expect(world.socket.last('update')).toMatchObject({ rev: 5, body: { ops: [{ op: 'set' }] } });
  });

  test('[TSC3] what was written and may not be read is not shown for ever', async () => {
    const { live } = await liveObject();
    void client.object(r).update((u) => u.set('secret', 1));
    world.socket.answer('update', { rev: 4 });
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: { secret: 1 } });
    await world.pass(5_000);
    expect(live.getSnapshot().pending).toBe(false);
    expect(live.value).not.toHaveProperty('secret');
    client.close();
    expect(world.timers).toBe(0);
  });

  test('[TSC3] a snapshot that may have a write in it waits for what became of the write', async () => {
    const { live, heard } = await liveObject();
    const write = add();
    await world.lose({ epoch: 'e1' });
    subscribed('v2');
    world.socket.say(snapshot(4, 6, 'v2'));
    world.socket.say(added(5, 7));
    expect(live.value).toMatchObject({ n: 6 });
    world.socket.answer('update', { rev: 4, meta: { repeated: true } });
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: { n: 7, _rev: 5 } });
    await write;
    const values = heard.map((entry) => (entry as unknown[])[2]);
    expect(values.every((n, at) => at === 0 || Number(n) >= Number(values[at - 1]))).toBe(true);
  });

  test('[TSC3] a new object is there at once, and subscribed to when it is created', async () => {
    const create = client.collection('/a').create({ n: 1, none: null }, { id: 'new' });
    const live = client.live(client.object('/a/new'));
    expect(live.getSnapshot()).toMatchObject({
      ...{ status: 'live', stale: true, pending: true },
      value: { _r: '/a/new', _rev: 0, n: 1 },
    });
    await world.settle();
    const error = { code: 404, message: 'object.missing' };
    const failures = [{ r: '/a/new', error }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect(live.status).toBe('live');
    world.socket.answer('create', { body: { _r: '/a/new', _rev: 1, n: 1 } });
    await create;
    await world.settle();
    expect(world.socket.all('subscribe')).toHaveLength(2);
    subscribed();
    world.socket.say({
      ...{ evt: 'snapshot', r: '/a/new', rev: 1, meta: { view: 'v' } },
      body: { _r: '/a/new', _rev: 1, n: 1 },
    });
    expect(live.getSnapshot()).toMatchObject({ stale: false, pending: false });
  });

  test('[TSC3] a deleted object is gone at once, and back if that is refused', async () => {
    const { live } = await liveObject();
    const remove = client.object(r).delete();
    expect(live.value).toBeUndefined();
    world.socket.answer('delete', { error: { code: 403, message: 'forbidden' } });
    await expect(remove).rejects.toThrow('forbidden');
    expect(live.value).toMatchObject({ n: 5 });
  });
});

test('[TSC3] a batch that writes twice to an object is seen whole, and goes by one revision after the other', async () => {
  const { live, heard } = await liveObject();
  const batch = client.batch((b) => {
    b.update(client.object(r), (u) => u.addNumber('n', 1));
    b.update(client.object(r), (u) => u.addNumber('n', 10));
  });
  expect(heard.at(-1)).toEqual(['local', '', 16]);
  const before = heard.length;
  // The answer is lost: the pushes alone say that it was done.
  await world.lose({ resumed: true });
  world.socket.say(added(4, 6, { once: batch.id }));
  expect(live.value).toMatchObject({ n: 16, _rev: 4 });
  world.socket.say(added(5, 16, { once: batch.id }));
  expect(live.value).toMatchObject({ n: 16, _rev: 5 });
  world.socket.answer('batch', { body: { results: [{ rev: 4 }, { rev: 5 }] } });
  expect(live.getSnapshot().pending).toBe(false);
  expect(heard.slice(before).map((change) => (change as unknown[])[2])).toEqual(
    heard.slice(before).map(() => 16),
  );
});

describe('lists', () => {
  const item = (id: number, n: number, rev = 1) => ({ _r: `/a/${id}`, _rev: rev, n });
  const items = (...bodies: object[]) => ({
    r: '/a/*',
    meta: { subscription: 'q1', view: 'v' },
    body: { items: bodies.map((body) => ({ meta: { fields: [] }, body })) },
  });
  const push = (evt: string, members: object, pos = 'p') => ({
    ...{ evt, r: '/a/*', ...members },
    meta: { opBy: { uid: 'x' }, subscription: 'q1', pos },
  });
  const ns = (list: { value: readonly Untyped[] | undefined }) => list.value?.map(({ n }) => n);

  async function liveList(...bodies: object[]) {
    const live = client.live(client.collection('/a'), { filter: 'n > 0', sort: 'n', limit: 3 });
    const heard: unknown[] = [];
    live.subscribe((value, change) => heard.push([change.kind, value?.map(({ n }) => n)]));
    await world.settle();
    world.socket.answer('read', items(...bodies));
    return { live, heard };
  }

  test('[TSC4] a live list of some fields has those of its order, too', async () => {
    const query = { fields: ['title'], sort: ['-n', '_rev', 'title'] };
    const live = client.live(client.collection('/a'), query);
    await world.settle();
    expect(world.socket.last('read').cmdOpts.fields).toEqual(['title', 'n']);
    world.socket.answer('read', items(item(1, 5), item(2, 7)));
    expect(ns(live)).toEqual([7, 5]);
  });

  test('[TSC4] a live list follows its window, in its order', async () => {
    const { live, heard } = await liveList(item(1, 5), item(2, 7));
    expect(world.socket.last('read').cmdOpts).toEqual({
      ...{ sort: 'n', limit: 3, subscribe: true },
      query: { filter: 'n > 0' },
    });
    world.socket.say(push('created', { body: item(3, 6) }));
    world.socket.say(push('updated', { r, rev: 2, body: { n: { op: 'set', opValue: 9 } } }));
    world.socket.say(push('entered', { body: item(4, 1, 8) }));
    world.socket.say(push('left', { r, rev: 2 }));
    expect(heard).toEqual([
      ['snapshot', [5, 7]],
      ['created', [5, 6, 7]],
      ['updated', [6, 7, 9]],
      ['entered', [1, 6, 7, 9]],
      ['left', [1, 6, 7]],
    ]);
    const before = live.getSnapshot();
    world.socket.say(
      push('updated', { r: '/a/3', rev: 2, body: { n: { op: 'set', opValue: 6.5 } } }),
    );
    // The objects that did not change are the same ones.
    expect(live.value?.[0]).toBe(before.value?.[0]);
    expect(live.value?.[1]).not.toBe(before.value?.[1]);
  });

  test('[TSC9] a list or an object that is refused for good is on the console, one that is not there is not', async () => {
    const list = client.live(client.collection('/a'), { filter: 'm > 0' });
    const [live, missing] = ['/b/1', '/b/2'].map((r) => client.live(client.object(r)));
    await world.settle();
    const errors = { filter: ['unknown field m at 1'] };
    const error = { code: 409, message: 'query.invalid', errors };
    world.socket.answer('read', { r: '/a/*', error });
    const failures = [
      { r: '/b/1', error: { code: 403, message: 'forbidden' } },
      { r: '/b/2', error: { code: 404, message: 'object.missing' } },
    ];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    expect([list, live, missing].map((copy) => copy?.status)).toEqual([
      'failed',
      'failed',
      'failed',
    ]);
    expect(world.warnings).toEqual([
      'really: /a/*: query.invalid {"filter":["unknown field m at 1"]}',
      'really: /b/1: forbidden {}',
    ]);
  });

  test('[TSC4] whichever object of a list changes, it is put where the order wants it, and the others stay', async () => {
    // Equal values are in the order of the ids.
    const ids = [0, 1, 2, 3, 4, 5, 6];
    const { live } = await liveList(...ids.map((id) => item(id, 1 + (id % 3))));
    for (let step = 0; step < 60; step++) {
      const [id, rev] = [(step * 5) % ids.length, Math.floor(step / ids.length) + 2];
      const n = 1 + ((step * 3) % 11) / 2;
      const before = live.value ?? [];
      const body = { n: { op: 'set', opValue: n } };
      world.socket.say(push('updated', { r: `/a/${id}`, rev, body }));
      const after = live.value ?? [];
      const other = ({ _r }: Untyped) => _r !== `/a/${id}`;
      expect(after.filter(other)).toEqual(before.filter(other));
      expect(after.every((object) => !other(object) || before.includes(object))).toBe(true);
      expect(after.find((object) => !other(object))).toMatchObject({ n, _rev: rev });
      const key = ({ n, _r }: Untyped) => `${String(n).padEnd(4)} ${_r}`;
      expect(after.map(key)).toEqual(after.map(key).sort());
    }
  });

  test('[TSC4] an object of lists and of its own subscription is one copy, one revision applied once', async () => {
    const { live: list, heard } = await liveList(item(1, 5, 3));
    const { live } = await liveObject();
    expect(list.value?.[0]).toBe(live.value);
    const before = heard.length;
    world.socket.say(added(4, 6));
    expect([ns(list), list.value?.[0]]).toEqual([[6], live.value]);
    world.socket.say(push('updated', { r, rev: 4, body: added(4, 6).body }));
    expect(heard.slice(before)).toEqual([['updated', [6]]]);
  });

  test('[TSC4] an object that a list has, and that an own deletion hides, is known', async () => {
    await liveList(item(1, 5, 3));
    const deleted = client.object(r).delete();
    const live = client.live(client.object(r));
    expect(live.getSnapshot()).toMatchObject({ status: 'live', pending: true, value: undefined });
    world.socket.say(push('updated', { r, rev: 4, body: added(4, 6).body }));
    world.socket.answer('delete', { error: { code: 403, message: 'forbidden' } });
    await expect(deleted.committed).rejects.toThrow('forbidden');
    expect(live.value).toMatchObject({ n: 6, _rev: 4 });
  });

  test('[TSC4] an object that a list has in a later revision does not go back, and is up to date', async () => {
    const { live: list } = await liveList(item(1, 5, 7));
    const live = client.live(client.object(r));
    await world.settle();
    subscribed();
    expect(live.getSnapshot()).toMatchObject({ stale: true, value: { n: 5, _rev: 7 } });
    world.socket.say(snapshot(6, 4));
    expect(live.getSnapshot()).toMatchObject({ stale: false, value: { n: 5, _rev: 7 } });
    world.socket.say(added(7, 5));
    world.socket.say(added(8, 6));
    expect([live.value, ns(list)]).toMatchObject([{ n: 6, _rev: 8 }, [6]]);
  });

  test('[TSC6] not resumed: a list goes on from its position, else it is read again with one reset', async () => {
    const { live, heard } = await liveList(item(1, 5));
    world.socket.say(push('created', { body: item(2, 6) }, 'p7'));
    await world.lose();
    expect(world.socket.last('read').cmdOpts).toMatchObject({ since: 'p7', subscribe: true });
    expect(live.getSnapshot().stale).toBe(true);
    world.socket.answer('read', { meta: { subscription: 'q2', view: 'v' }, body: {} });
    expect(live.getSnapshot().stale).toBe(false);
    world.socket.say({
      ...push('left', { r, rev: 2 }, 'p8'),
      meta: { subscription: 'q2', pos: 'p8' },
    });
    expect(ns(live)).toEqual([6]);
    await world.lose();
    world.socket.answer('read', { error: { code: 410, message: 'position.gone' } });
    expect(world.socket.last('read').cmdOpts).not.toHaveProperty('since');
    world.socket.answer('read', items(item(7, 1), item(2, 6)));
    expect(heard.slice(2)).toEqual([
      ...[
        ['status', [5, 6]],
        ['status', [5, 6]],
        ['left', [6]],
      ],
      ...[
        ['status', [6]],
        ['reset', [1, 6]],
      ],
    ]);
  });

  test('[TSC6] a list whose window the server lost is asked for from the last position', async () => {
    const { live } = await liveList(item(1, 5));
    world.socket.say(push('created', { body: item(2, 6) }, 'p7'));
    const error = { code: 410, message: 'position.gone' };
    world.socket.say({ evt: 'failed', r: '/a/*', error, meta: { subscription: 'q1' } });
    expect(world.socket.last('read').cmdOpts).toMatchObject({ since: 'p7' });
    world.socket.answer('read', { error: { code: 409, message: 'query.invalid' } });
    expect(live.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 409 } });
  });

  test('[TSC3] own writes show in lists, and references are plain as in pushes', async () => {
    const { live } = await liveList({
      ...item(1, 5),
      friend: { value: '/a/2', ref: { _r: '/a/2', _rev: 1 } },
      friends: [{ value: '/a/3', error: { code: 403, message: 'forbidden' } }],
      house: { value: 'x', ref: 1 },
    });
    expect(live.value?.[0]).toMatchObject({
      ...{ friend: '/a/2', friends: ['/a/3'] },
      house: { value: 'x', ref: 1 },
    });
    void client.object(r).update((u) => u.set('n', 50));
    expect(ns(live)).toEqual([50]);
    expect(live.getSnapshot().pending).toBe(true);
    void client.object(r).delete();
    expect(ns(live)).toEqual([]);
  });

  test('[TSC3] a list of fewer fields shows no others, and waits for no push of them', async () => {
    const live = client.live(client.collection('/a'), { fields: ['n'] });
    world.socket.answer('read', items(item(1, 5)));
    void client.object(r).update((u) => u.push('log', 'x'));
    expect(live.getSnapshot()).toMatchObject({ pending: false, value: [{ _r: r, n: 5 }] });
    expect(live.value?.[0]).not.toHaveProperty('log');
    void client.object(r).update((u) => u.addNumber('n', 1).push('log', 'y'));
    expect(live.getSnapshot()).toMatchObject({ pending: true, value: [{ _r: r, n: 6 }] });
    expect(live.value?.[0]).not.toHaveProperty('log');
  });

  test('[TSC3] [TSC6] what is held back for a write in doubt enters when it is shown', async () => {
    const write = client.object(r).update((u) => u.addNumber('n', 1));
    await world.lose();
    const { live, heard } = await liveList(item(1, 5), item(2, 7));
    expect([ns(live), live.getSnapshot().pending]).toEqual([[7], true]);
    world.socket.answer('update', { r, rev: 2 });
    await write;
    expect(heard).toEqual([
      ['snapshot', [7]],
      ['entered', [6, 7]],
    ]);
  });

  test('[TSC4] a deleted object does not come back by a subscription that is behind', async () => {
    const { live, heard } = await liveObject();
    world.socket.say({ evt: 'deleted', r, rev: 4 });
    const { live: list } = await liveList(item(1, 5, 3), item(2, 7));
    expect([live.status, live.value, ns(list)]).toEqual(['deleted', undefined, [7]]);
    world.socket.say(push('left', { r, rev: 4 }));
    expect(heard.map(([kind]: Untyped) => kind)).toEqual(['snapshot', 'deleted']);
  });

  test('[TSC6] an object that is gone when it is subscribed to ends after what a list had of it', async () => {
    await liveList(item(1, 5, 7));
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    await world.settle();
    const failure = { r, error: { code: 410, message: 'object.gone' } };
    world.socket.answer('subscribe', { body: { subscriptions: [], failures: [failure] } });
    expect(heard).toEqual([['deleted', 8, undefined]]);
  });

  test('[TSC4] the same query is one subscription; another, or other fields, is one of its own', async () => {
    const { live } = await liveList(item(1, 5));
    const same = client.live(client.collection('/a'), { limit: 3, sort: 'n', filter: 'n > 0' });
    const less = client.live(client.collection('/a'), { fields: ['n'] });
    await world.settle();
    expect(world.socket.all('read')).toHaveLength(2);
    expect(same.value).toBe(live.value);
    world.socket.answer('read', {
      ...items({ _r: r, _rev: 2, n: 8 }),
      meta: { subscription: 'q2', view: 'v' },
    });
    // What a subscription to fewer fields says is not all that there is.
    expect([ns(live), ns(less)]).toEqual([[5], [8]]);
    less.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: ['q2'] });
    live.close();
    same.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: ['q1'] });
  });
});

describe('what is refused while own writes are under way', () => {
  const forbidden = { error: { code: 403, message: 'forbidden' } };
  const join = () => client.collection('/a/1/members').create({}, { id: 'amal' });
  const answerJoin = async () => {
    world.socket.answer('create', { body: { _r: '/a/1/members/amal', _rev: 1 } });
    await world.settle();
  };
  const refuse = () => {
    const failures = [{ r, ...forbidden }];
    world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    world.socket.answer('read', forbidden);
  };
  const asked = () => ['subscribe', 'read'].map((cmd) => world.socket.all(cmd).length);

  test.each([
    ['made before', true],
    ['made after', false],
  ])('[TSC17] is asked for again, once, when these are committed: %s', async (_, isBefore) => {
    if (isBefore) void join();
    const copies = [client.live(client.object(r)), client.live(client.collection('/a/1/posts'))];
    if (!isBefore) void join();
    await world.settle();
    refuse();
    await world.pass(5_000);
    expect([copies.map(({ status }) => status), asked()]).toEqual([
      ['loading', 'loading'],
      [1, 1],
    ]);
    await answerJoin();
    subscribed();
    world.socket.say(snapshot(3, 5));
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items: [] } });
    await world.pass(5_000);
    expect([copies.map(({ status }) => status), asked(), world.warnings]).toEqual([
      ['live', 'live'],
      [2, 2],
      [],
    ]);
  });

  test('[TSC17] also where the refusal comes after the answer to the write', async () => {
    void join();
    client.live(client.object(r));
    client.live(client.collection('/a/1/posts'));
    await world.settle();
    await answerJoin();
    refuse();
    await world.settle();
    expect(asked()).toEqual([2, 2]);
  });

  test('[TSC17] fails where it is refused again, whatever is written meanwhile', async () => {
    void join();
    const copies = [client.live(client.object(r)), client.live(client.collection('/a/1/posts'))];
    await world.settle();
    refuse();
    await answerJoin();
    void client.object(r).update((u) => u.addNumber('n', 1));
    refuse();
    world.socket.answer('update', { r, rev: 2 });
    await world.settle();
    expect([copies.map(({ status }) => status), asked()]).toEqual([
      ['failed', 'failed'],
      [2, 2],
    ]);
    expect(world.warnings).toHaveLength(2);
  });

  test('[TSC17] does not wait for ever where the server takes no writes', async () => {
    void join();
    const copies = [client.live(client.object(r)), client.live(client.collection('/a/1/posts'))];
    await world.settle();
    const error = { code: 503, message: 'server.unavailable' };
    world.socket.answer('create', { error, meta: { retryAfter: 3_600_000 } });
    refuse();
    const passQuarter = async () => {
      await world.pass(7_000);
      world.socket.answer('ping');
    };
    for (let quarter = 0; quarter < 4; quarter++) await passQuarter();
    expect([copies.map(({ status }) => status), asked()]).toEqual([
      ['loading', 'loading'],
      [1, 1],
    ]);
    await passQuarter();
    expect(asked()).toEqual([2, 2]);
    refuse();
    await world.settle();
    expect(copies.map(({ status }) => status)).toEqual(['failed', 'failed']);
  });

  test('[TSC17] an object that was asked for again when it was created is not once more when other writes have ended', async () => {
    void client.collection('/a').create({}, { id: '1' });
    void join();
    const copy = client.live(client.object('/a/1'));
    await world.settle();
    const refused = () => {
      const failures = [{ r: '/a/1', ...forbidden }];
      world.socket.answer('subscribe', { body: { subscriptions: [], failures } });
    };
    refused();
    world.socket.answer('create', { body: { _r: '/a/1', _rev: 1 } });
    await world.settle();
    refused();
    expect([copy.status, asked()[0]]).toEqual(['failed', 2]);
    await answerJoin();
    await world.pass(5_000);
    expect([copy.status, asked()[0], world.warnings.length]).toEqual(['failed', 2, 1]);
  });

  test('[TSC17] fails at once where nothing is written, or the query is wrong', async () => {
    const list = client.live(client.collection('/a/1/posts'));
    world.socket.answer('read', forbidden);
    expect(list.status).toBe('failed');
    void join();
    const wrong = client.live(client.collection('/a/1/posts'), { filter: 'n >' });
    world.socket.answer('read', { error: { code: 400, message: 'query.invalid' } });
    expect(wrong.status).toBe('failed');
  });
});

describe('what the server ended, or what skipped a revision', () => {
  const items = [{ body: { _r: '/b/1', _rev: 3, n: 5 } }];
  const answered = () =>
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items } });
  const isStale = (live: { getSnapshot(): { stale: boolean; status: string } }) => {
    const { status, stale } = live.getSnapshot();
    return [status, stale];
  };
  const error = { code: 503, message: 'server.overloaded' };

  test('[TSC10] an object is stale until it is asked for again', async () => {
    const { live } = await liveObject();
    world.socket.say({ evt: 'failed', r, error });
    expect(isStale(live)).toEqual(['live', true]);
    await world.pass(2_000);
    subscribed();
    world.socket.say(snapshot(3, 5));
    expect(isStale(live)).toEqual(['live', false]);
    world.socket.say(added(5, 7));
    expect(isStale(live)).toEqual(['live', true]);
    await world.settle();
    subscribed();
    world.socket.say(snapshot(5, 7));
    expect(isStale(live)).toEqual(['live', false]);
  });

  test('[TSC10] so is a list', async () => {
    const live = client.live(client.collection('/b'));
    answered();
    world.socket.say({ evt: 'failed', r: '/b/*', error, meta: { subscription: 'q1' } });
    expect(isStale(live)).toEqual(['live', true]);
    await world.pass(2_000);
    answered();
    expect(isStale(live)).toEqual(['live', false]);
    world.socket.say({ ...added(5, 7, { subscription: 'q1' }), r: '/b/1' });
    expect(isStale(live)).toEqual(['live', true]);
    answered();
    expect(isStale(live)).toEqual(['live', false]);
  });
});

describe('after close()', () => {
  test('[TSC5] what has not loaded fails, what has keeps its value, and what is opened fails', async () => {
    const { live } = await liveObject();
    const loading = client.live(client.collection('/a'));
    client.close();
    const late = [client.live(client.object('/a/9')), client.live(client.collection('/b'))];
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: true, value: { n: 5 } });
    for (const { status, error } of [loading, ...late]) {
      expect([status, error?.message]).toEqual(['failed', 'connection.closed']);
    }
    expect(world.warnings).toEqual([]);
  });

  test('[TSC5] no timer is left, whatever waits, and whoever closes it', async () => {
    client.live(client.object(r));
    await world.settle();
    const error = { code: 429, message: 'rate.limited' };
    world.socket.answer('subscribe', { error });
    const stop = client.connection.subscribe(() => {});
    const live = client.live(client.collection('/a'));
    world.socket.answer('read', { meta: { subscription: 'q1' }, body: { items: [] } });
    live.subscribe(() => client.close());
    world.socket.drop();
    stop();
    expect(client.connection.getSnapshot().state).toBe('closed');
    expect(world.timers).toBe(0);
  });
});
