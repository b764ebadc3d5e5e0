import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { FakeWorld } from './fake-world.fixture.js';
import type { LiveObject } from './live-copy.js';

// These tests begin with modules that nobody has loaded, so that the part for live copies is loaded by the first call.

let world: FakeWorld;
/** The attempts to load the part that are under way. */
let attempts: { arrive: () => void; fail: () => void }[];

async function begin(): Promise<void> {
  vi.resetModules();
  const { FakeWorld: World } = await import('./fake-world.fixture.js');
  world = new World();
}

beforeEach(async () => {
  attempts = [];
  vi.doMock('./load-live.js', () => ({
    loadLive: () => {
      return new Promise<void>((arrive, fail) => {
        attempts.push({ arrive, fail: () => fail(new Error('no network')) });
      });
    },
  }));
  await begin();
});

/** Each attempt that is under way succeeds, or fails. */
async function end(how: 'arrive' | 'fail'): Promise<void> {
  expect(attempts).not.toEqual([]);
  if (how === 'arrive') await import('./live/mod.js');
  for (const attempt of attempts.splice(0)) attempt[how]();
  await world.settle();
}

const r = '/tasks/1';
// biome-ignore lint/suspicious/noExplicitAny: whatever fields a test gives it
type Untyped = any;

function heardBy(live: LiveObject<Untyped>): unknown[] {
  const heard: unknown[] = [];
  live.subscribe((value, change) => heard.push([change.kind, value?.title]));
  return heard;
}

const subscriptions = () =>
  world.socket
    .all('subscribe')
    .flatMap(({ body }) => body.subscriptions.map(({ r }: Untyped) => r));

function answerSubscribe(title: string): void {
  world.socket.answer('subscribe', { body: { subscriptions: [{ r, fields: [], view: 'v' }] } });
  const body = { _r: r, _rev: 2, title };
  world.socket.say({ evt: 'snapshot', r, rev: 2, meta: { view: 'v' }, body });
}

describe('[TSC18] live copies whose part is not loaded', () => {
  test('an object is loading, and goes on when the part is there', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    const before = live.getSnapshot();
    expect(before).toMatchObject({ status: 'loading', value: undefined, stale: true });
    expect(live.getSnapshot()).toBe(before);
    await end('arrive');
    expect(subscriptions()).toEqual([r]);
    expect(live.getSnapshot()).toBe(before);
    answerSubscribe('milk');
    expect(heard).toEqual([['snapshot', 'milk']]);
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false });
    // From now on nothing is waited for.
    client.live(client.object('/tasks/2'));
    await world.settle();
    expect(subscriptions()).toEqual([r, '/tasks/2']);
  });

  test('the part is loaded while there is no connection, and once for all copies', async () => {
    const client = world.client();
    for (const each of [r, '/tasks/2', r]) client.live(client.object(each));
    expect(attempts.length).toBe(1);
    await end('arrive');
    await world.reconnect();
    expect(subscriptions()).toEqual([r, '/tasks/2']);
  });

  test('the part is another file, which arrives by itself', async () => {
    vi.doUnmock('./load-live.js');
    await begin();
    const client = await world.connected();
    const live = client.live(client.object(r));
    const heard = new Promise((resolve) => {
      live.subscribe(() => resolve(live.value?.title));
    });
    await expect.poll(subscriptions).toEqual([r]);
    answerSubscribe('milk');
    expect(await heard).toBe('milk');
  });

  test('a list is read when the part is there, in its order', async () => {
    const client = await world.connected();
    const live = client.live(client.collection('/tasks'), { sort: 'title' });
    const heard: unknown[] = [];
    live.subscribe((items, change) => heard.push([change.kind, items?.length]));
    await end('arrive');
    const items = ['b', 'a'].map((title) => ({ body: { _r: `/tasks/${title}`, _rev: 1, title } }));
    world.socket.answer('read', { body: { items }, meta: { subscription: 's', pos: 'p' } });
    expect(heard).toEqual([['snapshot', 2]]);
    expect(live.value?.map(({ title }) => title)).toEqual(['a', 'b']);
  });

  test('one that is closed before is not subscribed to, and keeps its status', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    live.close();
    await end('arrive');
    expect(subscriptions()).toEqual([]);
    expect(live.getSnapshot()).toMatchObject({ status: 'closed', value: undefined });
    expect(heard).toEqual([['status', undefined]]);
  });

  test('one that is closed after ends its subscription', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    await end('arrive');
    answerSubscribe('milk');
    live.close();
    expect(world.socket.last('unsubscribe').body).toEqual({ subscriptions: [r] });
    expect(live.getSnapshot()).toMatchObject({ status: 'closed', value: { title: 'milk' } });
  });

  test('[TSC3] writes that wait or are sent are drawn when the part is there', async () => {
    const client = world.client();
    const tasks = client.collection('/tasks');
    void tasks.create({ title: 'queued' }, { id: '1' });
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    await world.reconnect();
    void client.object(r).update((u) => u.set('title', 'behind it'));
    expect(world.socket.all('create').length).toBe(1);
    expect(heard).toEqual([]);
    await end('arrive');
    expect(heard).toEqual([['local', 'behind it']]);
    expect(live.getSnapshot()).toMatchObject({ status: 'live', pending: true, stale: true });
  });

  test('[TSC3] an update of an object that is not known makes it pending', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    void client.object(r).update((u) => u.addNumber('votes', 1));
    await end('arrive');
    expect(live.getSnapshot()).toMatchObject({ status: 'loading', pending: true });
    expect(heard).toEqual([['local', undefined]]);
  });

  test('[TSC3] a write that was committed meanwhile comes with the object, and shows once', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    const write = client.collection('/tasks').create({ title: 'milk' }, { id: '1' });
    world.socket.answer('create', { body: { _r: r, _rev: 1, title: 'milk' } });
    await write;
    await end('arrive');
    expect(heard).toEqual([]);
    answerSubscribe('milk');
    expect(heard).toEqual([['snapshot', 'milk']]);
    expect(live.getSnapshot()).toMatchObject({ status: 'live', pending: false });
  });

  test('a write that is refused before says so, without a present value', async () => {
    const client = await world.connected();
    client.live(client.object(r));
    const refused: unknown[] = [];
    client.on('write-refused', ({ values }) => refused.push([...values]));
    void client.object(r).update((u) => u.addNumber('votes', 1));
    world.socket.answer('update', { error: { code: 403, message: 'forbidden' } });
    await end('arrive');
    expect(refused).toEqual([[[r, undefined]]]);
  });

  test('as another user, copies that wait begin with the session of that user', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    void client.object(r).update((u) => u.addNumber('votes', 1));
    await world.lose({ user: { uid: 'beno' }, epoch: 'e2' });
    await end('arrive');
    expect(subscriptions()).toEqual([r]);
    expect(live.getSnapshot()).toMatchObject({ status: 'loading', pending: false });
  });

  test('[TSC6] the session that is resumed afterwards keeps the subscriptions', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    await end('arrive');
    answerSubscribe('milk');
    await world.lose({ resumed: true });
    expect(world.socket.all('subscribe')).toEqual([]);
    expect(live.getSnapshot()).toMatchObject({ status: 'live', stale: false });
  });

  test('[TSC10] where the part does not arrive they stay, with one warning, until there is a session again', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    await end('fail');
    expect(live.status).toBe('loading');
    const warning =
      'really: live copies wait: Error: no network: import the entry @really/client/live';
    expect(world.warnings).toEqual([warning]);
    await world.lose();
    await end('fail');
    expect(world.warnings.length).toBe(1);
    await world.lose();
    await end('arrive');
    expect(subscriptions()).toEqual([r]);
    answerSubscribe('milk');
    expect(live.value?.title).toBe('milk');
  });

  test('where the part did not arrive the next call tries again, for all', async () => {
    const client = await world.connected();
    client.live(client.object(r));
    await end('fail');
    client.live(client.object('/tasks/2'));
    await end('arrive');
    expect(subscriptions()).toEqual([r, '/tasks/2']);
  });

  test('where the app imports the entry meanwhile, the next call has it at once, and so have those that waited', async () => {
    const client = await world.connected();
    client.live(client.object(r));
    await end('fail');
    await import('./live/mod.js');
    client.live(client.object('/tasks/2'));
    await world.settle();
    expect(subscriptions()).toEqual([r, '/tasks/2']);
  });

  test('close fails what waits, and whatever comes after', async () => {
    const client = await world.connected();
    const live = client.live(client.object(r));
    const heard = heardBy(live);
    client.close();
    const failed = { status: 'failed', error: { message: 'connection.closed' } };
    expect(live.getSnapshot()).toMatchObject(failed);
    expect(live.getSnapshot()).toBe(live.getSnapshot());
    expect(heard).toEqual([['status', undefined]]);
    await end('arrive');
    expect(client.live(client.object(r)).getSnapshot()).toMatchObject(failed);
    expect(heard.length).toBe(1);
  });

  test('after close nothing is said of a part that does not arrive', async () => {
    const client = await world.connected();
    client.live(client.object(r));
    client.close();
    await end('fail');
    expect(world.warnings).toEqual([]);
  });

  test('a mistake in the program throws at once', async () => {
    const client = await world.connected();
    const tasks = client.collection('/tasks');
    expect(() => client.live(client.object('/tasks'))).toThrow(TypeError);
    expect(() => client.live(tasks, { sort: 5 as never })).toThrow('5 is no order');
    expect(() => client.live(tasks, { sort: ['title', 5 as never] })).toThrow(TypeError);
    expect(() => client.live(tasks, { values: { n: 5n } })).toThrow(TypeError);
    for (const fields of ['title', [5], { title: true }, null]) {
      const call = () => client.live(tasks, { sort: 'title', fields: fields as never });
      expect(call).toThrow('fields: expected a list of names');
    }
    expect(attempts).toEqual([]);
  });
});

describe('[TSC18] with the entry, or one that needs it, live copies wait for nothing', () => {
  test.each(['./live/mod.js', './rql/mod.js', './query/mod.js', './react/mod.js'])(
    '%s',
    async (entry) => {
      await import(entry);
      const client = await world.connected();
      client.live(client.object(r));
      await Promise.resolve();
      expect(subscriptions()).toEqual([r]);
    },
  );

  test('[TSC15] lists that guess show a write at once', async () => {
    const { rql } = await import('./rql/mod.js');
    const client = await world.connected({ rql: rql() });
    const tasks = client.collection('/tasks');
    const live = client.live(tasks, { sort: 'title' });
    const meta = { subscription: 's', pos: 'p' };
    world.socket.answer('read', { body: { items: [] }, meta });
    void tasks.create({ title: 'milk' });
    expect(live.value?.map(({ title }) => title)).toEqual(['milk']);
  });

  test('[TSC14] the file for pages without a bundler, which has rooms, too', async () => {
    const { Really } = await import('./browser.js');
    const client = new Really('ws://test', { token: 'token', platform: world.platform });
    await world.reconnect();
    client.live(client.object(r));
    client.room(r);
    await Promise.resolve();
    expect(subscriptions()).toEqual([r]);
    expect(world.socket.last('join').r).toBe(r);
  });
});
