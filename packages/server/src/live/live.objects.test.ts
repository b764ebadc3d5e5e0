import { describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../store/store-errors.js';
import {
  bound,
  FakeConnection,
  type FakeModelOptions,
  itemOf,
  modelOf,
  readsAll,
  rule,
  setUpLive,
  withCurrentView,
} from './live.fixture.js';

const r = '/users/1';
const opBy = { uid: 'author' };

describe('updates', () => {
  test('[PSH2] operations are pushed as sent, addNumber with its result', async () => {
    const { create, update, subscribe } = await setUpLive();
    await create(r, { a: 1, b: ['x'] });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    await update(
      r,
      { op: 'addNumber', key: 'a', value: 2 },
      { op: 'insertAt', key: 'b', value: 'y', opArgs: { index: 0 } },
    );
    expect(connection.received()[0]?.body).toEqual({
      a: { op: 'addNumber', opValue: 2, value: 3 },
      b: { op: 'insertAt', opValue: 'y', opArgs: { index: 0 } },
    });
  });

  test('[PSH4] only subscribers of a changed field are sent the update, and prev says what they missed', async () => {
    const { create, set, subscribe } = await setUpLive();
    await create(r, { a: 1 });
    const [a, ab, all] = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
    await subscribe(a, { r, rev: 1, fields: ['a'] });
    await subscribe(ab, { r, rev: 1, fields: ['a', 'b'] });
    await subscribe(all, { r, rev: 1 });
    await set(r, { c: 1 });
    await set(r, { b: 1 });
    await set(r, { a: 2, c: 3 });
    await set(r, { a: 3 });
    const prevs = (connection: FakeConnection) =>
      connection.received().map(({ rev, meta }) => [rev, meta?.prev]);
    const bodies = a.received();
    expect(bodies.map(({ rev, meta, body }) => [rev, meta?.prev, body])).toEqual([
      [4, 1, { a: { op: 'set', opValue: 2 } }],
      [5, undefined, { a: { op: 'set', opValue: 3 } }],
    ]);
    expect(prevs(ab)).toEqual([
      [3, 1],
      [4, undefined],
      [5, undefined],
    ]);
    expect(prevs(all)).toEqual([2, 3, 4, 5].map((rev) => [rev, undefined]));
  });

  test('[PSH8] opBy is the author of the change, as stored', async () => {
    const { create, subscribe } = await setUpLive();
    const by = { uid: 'u9', authType: 'password', _r: '/users/9', data: { name: 'Nine' } };
    const connection = new FakeConnection();
    await subscribe(connection, '/users');
    await create(r, {}, by);
    expect(connection.received()[0]?.meta?.opBy).toEqual(by);
  });

  test('[PSH5] deleted ends the subscription', async () => {
    const { create, set, remove, subscribe, live } = await setUpLive();
    await create(r, { a: 1 });
    const [all, some] = [new FakeConnection(), new FakeConnection()];
    await subscribe(all, { r, rev: 1 });
    await subscribe(some, { r, rev: 1, fields: ['b'] });
    await set(r, { a: 2 });
    await remove(r);
    expect(all.received().at(-1)).toEqual({ evt: 'deleted', r, rev: 3, meta: { opBy } });
    expect(some.received()).toEqual([{ evt: 'deleted', r, rev: 3, meta: { opBy, prev: 1 } }]);
    expect(live.counts()).toMatchObject({ subscriptions: 0, objectTopics: 0 });
  });

  test('one frame is encoded once and shared by a group', async () => {
    let evaluations = 0;
    const read = rule(
      () => {
        evaluations += 1;
        return true;
      },
      { uid: false, r: false, all: false },
    );
    const { create, set, subscribe } = await setUpLive({ models: [modelOf({ read })] });
    await create(r, { a: 1 });
    const connections = Array.from({ length: 20 }, (_, index) => new FakeConnection(`u${index}`));
    for (const connection of connections) await subscribe(connection, { r, rev: 1 });
    evaluations = 0;
    await set(r, { a: 2 });
    expect(evaluations).toBe(1);
    expect(new Set(connections.map(({ frames }) => frames[0])).size).toBe(1);
  });

  test('[DUR4] a subscriber with other rights is authorized separately', async () => {
    const read = rule(({ auth, obj }) => obj.owner === auth.uid || obj.open === true);
    const model = modelOf({ read, fields: ['owner', 'open', 'a'] });
    const { create, set, subscribe, live } = await setUpLive({ models: [model] });
    await create(r, { owner: 'u1', open: true });
    const [owner, other] = [new FakeConnection('u1'), new FakeConnection('u2')];
    await subscribe(owner, { r, rev: 1 });
    await subscribe(other, { r, rev: 1 });
    await set(r, { a: 1 });
    await set(r, { open: false, a: 2 });
    await set(r, { a: 3 });
    expect(owner.summaries()).toEqual(['updated 2', 'updated 3', 'updated 4']);
    expect(other.received().slice(1)).toEqual([
      { evt: 'failed', r, error: { code: 403, message: 'forbidden' } },
    ]);
    expect(live.counts().subscriptions).toBe(1);
  });

  test('[ACC4] [PSH7] a rule that throws refuses only the subscribers it throws for', async () => {
    const read = rule(({ auth, obj }) => {
      if (obj.a === 2 && auth.uid === 'u2') throw new Error('oops');
      return true;
    });
    const { create, set, subscribe, counts } = await setUpLive({ models: [modelOf({ read })] });
    await create(r, { a: 1 });
    const [first, second] = [new FakeConnection('u1'), new FakeConnection('u2')];
    await subscribe(first, { r, rev: 1 });
    await subscribe(second, { r, rev: 1 });
    await set(r, { a: 2 });
    expect(first.summaries()).toEqual(['updated 2']);
    expect(second.received()).toEqual([
      { evt: 'failed', r, error: { code: 403, message: 'forbidden' } },
    ]);
    expect(counts.values.get('really_push_refusals_total')).toBe(1);
  });

  test('[PSH7] [HOK2] cancel in pre-get ends the subscription with the error of the hook', async () => {
    const preGet = ({ obj }: { obj: { a?: unknown } }) => {
      if (obj.a === 2) throw 'teapot';
      return [];
    };
    const { create, set, subscribe } = await setUpLive({
      models: [modelOf({ preGet: preGet as never })],
    });
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    await set(r, { a: 2 });
    await set(r, { a: 3 });
    expect(connection.received()).toEqual([
      { evt: 'failed', r, error: { code: 418, message: 'teapot' } },
    ]);
  });

  test('[PSH7] [ERR3] a failing hook reveals an id and nothing else', async () => {
    const preGet = ({ obj }: { obj: { a?: unknown } }) => {
      if (obj.a === 2) throw new Error('/etc/passwd');
      return [];
    };
    const { create, set, subscribe } = await setUpLive({
      models: [modelOf({ preGet: preGet as never })],
    });
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    await set(r, { a: 2 });
    const error = { code: 500, message: 'internal.server.error', id: expect.any(String) };
    expect(connection.received()).toEqual([{ evt: 'failed', r, error }]);
  });

  test('[PSH7] model gone', async () => {
    const { create, set, subscribe, setModels, live } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 }, '/users');
    setModels();
    await set(r, { a: 2 });
    expect(connection.received()).toEqual([
      { evt: 'failed', r, error: { code: 404, message: 'model.unknown' } },
    ]);
    expect(live.counts().objectTopics).toBe(0);
  });

  test('[SUB9] [HOK2] hidden fields are not pushed; visible again they come as a snapshot; hidden again they are left out', async () => {
    const preGet = ({ obj }: { obj: { open?: unknown } }) => (obj.open ? [] : ['secret']);
    const model = modelOf({ fields: ['a', 'secret', 'open'], preGet: preGet as never });
    const { create, set, subscribe } = await setUpLive({ models: [model] });
    await create(r, { open: false, secret: 1 });
    const [all, onlyA] = [new FakeConnection(), new FakeConnection()];
    await subscribe(all, { r, rev: 1 });
    await subscribe(onlyA, { r, rev: 1, fields: ['a'] });
    await set(r, { secret: 2 });
    await set(r, { a: 1 });
    await set(r, { open: true, secret: 3 });
    await set(r, { secret: 4 });
    await set(r, { open: false, secret: 5 });
    await set(r, { secret: 6 });
    await set(r, { a: 2 });
    const set1 = (value: unknown) => ({ op: 'set', opValue: value });
    expect(all.received()).toEqual([
      { evt: 'updated', r, rev: 3, meta: { opBy, prev: 1 }, body: { a: set1(1) } },
      { evt: 'snapshot', r, rev: 4, body: { _r: r, _rev: 4, a: 1, open: true, secret: 3 } },
      { evt: 'updated', r, rev: 5, meta: { opBy }, body: { secret: set1(4) } },
      { evt: 'updated', r, rev: 6, meta: { opBy, prev: 4 }, body: { open: set1(false) } },
      { evt: 'updated', r, rev: 8, meta: { opBy, prev: 6 }, body: { a: set1(2) } },
    ]);
    expect(onlyA.summaries()).toEqual(['updated 3', 'updated 8']);
  });

  test('[SUB7] changes come in order with asynchronous rules', async () => {
    const waiting: (() => void)[] = [];
    let asynchronous = false;
    const read = rule(async () => {
      if (asynchronous) await new Promise<void>((resolve) => waiting.push(resolve));
      return true;
    });
    const { create, set, subscribe, settle } = await setUpLive({ models: [modelOf({ read })] });
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    asynchronous = true;
    for (let a = 2; a <= 200; a++) await set(r, { a });
    expect(connection.summaries()).toEqual([]);
    // The queue is bounded: further changes come from the store, authorized page by page.
    asynchronous = false;
    for (const resolve of waiting.splice(0)) resolve();
    await settle();
    expect(connection.summaries()).toEqual(
      Array.from({ length: 199 }, (_, index) => `updated ${index + 2}`),
    );
  });
});

describe('the bus is a hint', () => {
  test('[SUB7] duplicates are pushed once, early changes wait, lost ones are read', async () => {
    const { create, set, subscribe, bus, settle, counts } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 });
    bus.held = [];
    for (let a = 2; a <= 7; a++) await set(r, { a });
    const [two, three, four, five, , seven] = bus.held;
    if (!two || !three || !four || !five || !seven) throw new Error('nothing was published');
    bus.deliver(two, two, four, three, five, three);
    await settle();
    expect(connection.summaries()).toEqual([2, 3, 4, 5, 6, 7].map((rev) => `updated ${rev}`));
    bus.deliver(seven);
    await settle();
    expect(connection.summaries()).toEqual([]);
    expect(counts.values.get('really_gaps_filled_total')).toBe(1);
  });

  test('[SUB7] an unnoticed loss is found by comparing with the store', async () => {
    const { create, set, subscribe, bus, settle, live } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 }, '/users');
    bus.held = [];
    await set(r, { a: 2 });
    await create('/users/2', {});
    await live.resync();
    await settle();
    expect(connection.summaries().sort()).toEqual(['created /users/2', 'updated 2']);
    bus.deliver(...bus.held);
    expect(connection.summaries()).toEqual([]);
  });

  test('[DUR4] a gap that ends with a deletion, or beyond the history', async () => {
    const { create, set, remove, subscribe, bus, settle } = await setUpLive({
      models: [modelOf({ history: 2 })],
    });
    await create(r, { a: 1 });
    await create('/users/2', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(
      connection,
      { r, rev: 1 },
      { r: '/users/2', rev: 1 },
      { r: '/users/2', rev: 1 },
    );
    bus.held = [];
    for (let a = 2; a <= 6; a++) await set(r, { a });
    await remove('/users/2');
    const last = bus.held.slice(-2);
    bus.held = undefined;
    bus.deliver(...last);
    await settle();
    expect(connection.summaries().sort()).toEqual(['deleted 2', 'snapshot 6']);
  });

  test('[SUB7] [ERR2] a store that stays unavailable ends the subscription with 503', async () => {
    let isDown = false;
    const { create, set, subscribe, platform, settle, bus } = await setUpLive({
      wrap: (store) => ({
        ...bound(store),
        async history(...args) {
          if (isDown) throw new StoreUnavailable('down');
          return await store.history(...args);
        },
      }),
    });
    await create(r, { a: 1 });
    const [live, late] = [new FakeConnection(), new FakeConnection()];
    await subscribe(live, { r, rev: 1 });
    bus.held = [];
    await set(r, { a: 2 });
    bus.held = undefined;
    isDown = true;
    await set(r, { a: 3 });
    await subscribe(late, { r, rev: 1 });
    for (let pause = 0; pause < 5; pause++) {
      platform.advance(60_000);
      await settle();
    }
    expect([...live.summaries(), ...late.summaries()]).toEqual([]);
    isDown = false;
    platform.advance(60_000);
    await settle();
    expect([...live.summaries(), ...late.summaries()]).toEqual(
      [2, 3, 2, 3].map((rev) => `updated ${rev}`),
    );

    isDown = true;
    const again = new FakeConnection();
    await subscribe(again, { r, rev: 1 });
    for (let pause = 0; pause < 7; pause++) {
      platform.advance(60_000);
      await settle();
    }
    const error = { code: 503, message: 'server.unavailable' };
    expect(again.received()).toEqual([{ evt: 'failed', r, error, meta: { retryAfter: 1 } }]);
  });
});

describe('a token is renewed', () => {
  test('[SES8] [SUB10] authorizes again: rights lost, unchanged, or gained', async () => {
    const read = rule(({ auth }) => auth.data?.out !== true, readsAll);
    const preGet = ({ auth }: { auth: { data?: { admin?: boolean } } }) =>
      auth.data?.admin ? [] : ['secret'];
    const model = modelOf({ read, preGet: preGet as never, preGetReads: readsAll });
    const { create, set, subscribe, live, settle } = await setUpLive({ models: [model] });
    await create(r, { a: 1, secret: 1 });
    const connection = new FakeConnection({ uid: 'u1' });
    await subscribe(connection, { r, rev: 1 });
    const renew = async (data: { [name: string]: boolean }) => {
      connection.auth = { uid: 'u1', data };
      live.authChanged(connection);
      await settle();
    };
    await renew({ other: true });
    expect(connection.received()).toEqual([]);
    await renew({ admin: true });
    expect(connection.received()).toEqual([
      { evt: 'snapshot', r, rev: 1, body: { _r: r, _rev: 1, a: 1, secret: 1 } },
    ]);
    await set(r, { secret: 2 });
    expect(connection.summaries()).toEqual(['updated 2']);
    await renew({ admin: false });
    await set(r, { secret: 3 });
    expect(connection.summaries()).toEqual([]);
    await renew({ out: true });
    expect(connection.received()).toEqual([
      { evt: 'failed', r, error: { code: 403, message: 'forbidden' } },
    ]);
    expect(live.counts().subscriptions).toBe(0);
  });

  test.each([
    [2, 'with nothing to replay'],
    [1, 'with something to replay'],
  ])('[SES8] [SUB9] before the first push, at revision %i, %s', async (rev) => {
    const preGet: FakeModelOptions['preGet'] = ({ auth }) => (auth.data?.admin ? [] : ['secret']);
    const model = modelOf({ preGet, preGetReads: readsAll });
    const on = await setUpLive({ models: [model] });
    const { create, set, live, settle } = on;
    await create(r, { a: 1, secret: 1 });
    await set(r, { a: 2 });
    const connection = new FakeConnection({ uid: 'u1' });
    const { start } = await live.subscribe(connection, [
      withCurrentView(on, connection, itemOf({ r, rev })),
    ]);
    connection.auth = { uid: 'u1', data: { admin: true } };
    live.authChanged(connection);
    start();
    await settle();
    expect(connection.received()).toEqual([
      { evt: 'snapshot', r, rev: 2, body: { _r: r, _rev: 2, a: 2, secret: 1 } },
    ]);
  });
});
