import { bindRql, parseR, parseRql } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { collectionsAround } from './collection/collection-subscription.js';
import {
  bound,
  FakeConnection,
  itemOf,
  type LiveSetup,
  modelOf,
  rule,
  setUpLive,
  withCurrentView,
} from './live.fixture.js';

const opBy = { uid: 'author' };
const posts = modelOf({ name: 'users/posts', fields: ['a', 'b', 'owner', 'secret'] });

describe('collections of an object', () => {
  test('[SUB6] every collection, wild or not, that an object is created in', () => {
    expect(collectionsAround('/a/1')).toEqual(['/a/*']);
    expect(collectionsAround('/a/1/b/2/c/3')).toEqual([
      '/a/1/b/2/c/*',
      '/a/1/b/*/c/*',
      '/a/*/b/*/c/*',
    ]);
    for (const r of collectionsAround('/a/1/b/2/c/3')) expect(parseR(r)?.r).toBe(r);
  });

  test('[LIM44] counts what is read to catch up', async () => {
    const { create, subscribe } = await setUpLive();
    const first = new FakeConnection();
    await subscribe(first, '/users');
    await create('/users/1', { a: 1 });
    const pos = first.receivedRaw().at(-1)?.meta?.pos;
    for (const n of [2, 3]) await create(`/users/${n}`, { a: 'x'.repeat(10_000) });
    const charged: number[] = [];
    const charge = (bytes: number) => {
      charged.push(bytes);
      return undefined;
    };
    const next = Object.assign(new FakeConnection(), { charge });
    await subscribe(next, { r: '/users', pos });
    expect(next.summaries()).toEqual(['created /users/2', 'created /users/3']);
    expect(charged.map((bytes) => bytes > 10_000)).toEqual([true, true]);
  });

  test('[SUB6] [PSH1] created, with the collection as subscribed', async () => {
    const { create, set, remove, subscribe } = await setUpLive({ models: [modelOf(), posts] });
    const [users, ofOne, ofAll] = [
      new FakeConnection(),
      new FakeConnection(),
      new FakeConnection(),
    ];
    expect(await subscribe(users, '/users')).toEqual({
      subscriptions: [{ r: '/users/*', fields: ['a', 'b', 'c', 'secret'] }],
    });
    await subscribe(ofOne, { r: '/users/1/posts', fields: ['b'] });
    await subscribe(ofAll, '/users/*/posts/');
    await create('/users/1', { a: 1 });
    await create('/users/1/posts/1', { a: 1, b: 2 });
    await create('/users/2/posts/1', { a: 1 });
    await set('/users/1', { a: 2 });
    await remove('/users/1/posts/1');
    expect(users.received()).toEqual([
      {
        evt: 'created',
        r: '/users/*',
        meta: { opBy, pos: '1' },
        body: { _r: '/users/1', _rev: 1, a: 1 },
      },
    ]);
    expect(ofOne.received()).toEqual([
      {
        evt: 'created',
        r: '/users/1/posts/*',
        meta: { opBy, pos: '2' },
        body: { _r: '/users/1/posts/1', _rev: 1, b: 2 },
      },
    ]);
    expect(ofAll.received().map(({ r, body }) => [r, body?._r])).toEqual([
      ['/users/*/posts/*', '/users/1/posts/1'],
      ['/users/*/posts/*', '/users/2/posts/1'],
    ]);
  });

  test('[ACC5] [HOK2] creations are authorized for each reader, and hidden fields are left out', async () => {
    const read = rule(({ auth, obj }) => obj.owner === auth.uid);
    const model = modelOf({
      fields: ['owner', 'a', 'secret'],
      read,
      preGet: ({ obj }) => (obj.a === 1 ? ['secret'] : []),
    });
    const { create, subscribe } = await setUpLive({ models: [model] });
    const [first, second] = [new FakeConnection('u1'), new FakeConnection('u2')];
    await subscribe(first, '/users');
    await subscribe(second, '/users');
    await create('/users/1', { owner: 'u1', a: 1, secret: 1 });
    await create('/users/2', { owner: 'u2', a: 2, secret: 2 });
    expect(first.received().map(({ body }) => body)).toEqual([
      { _r: '/users/1', _rev: 1, owner: 'u1', a: 1 },
    ]);
    expect(second.received().map(({ body }) => body)).toEqual([
      { _r: '/users/2', _rev: 1, owner: 'u2', a: 2, secret: 2 },
    ]);
  });

  test('[ACC3] nobody can subscribe to what nobody may read', async () => {
    const { access, ...rest } = modelOf();
    const { reads } = access.read;
    const never = { reads, constant: false, decide: () => 'refused' as const };
    const { subscribe } = await setUpLive({
      models: [{ ...rest, access: { ...access, subscribe: never } }],
    });
    const { failures } = await subscribe(new FakeConnection(), '/users', '/users/1');
    const error = { code: 403, message: 'forbidden' };
    expect(failures).toEqual([
      { r: '/users/*', error },
      { r: '/users/1', error },
    ]);
  });

  test('[SUB5] subscribing again with more fields widens, and nothing comes twice', async () => {
    const { create, subscribe, live } = await setUpLive();
    const connection = new FakeConnection();
    await subscribe(connection, { r: '/users', fields: ['a'] });
    const { subscriptions } = await subscribe(connection, {
      r: '/users/*',
      fields: ['b'],
      pos: '0',
    });
    expect(subscriptions).toEqual([{ r: '/users/*', fields: ['a', 'b'] }]);
    await create('/users/1', { a: 1, b: 2, c: 3 });
    expect(connection.received().map(({ body }) => body)).toEqual([
      { _r: '/users/1', _rev: 1, a: 1, b: 2 },
    ]);
    expect(live.counts().subscriptions).toBe(1);
  });
});

describe('positions', () => {
  test('[SUB6] [SUB7] from an earlier position: creations since, and then live, each once', async () => {
    const { create, set, subscribe } = await setUpLive({ models: [modelOf(), posts] });
    const first = new FakeConnection();
    await subscribe(first, '/users');
    await create('/users/0', {});
    const pos = first.received()[0]?.meta?.pos ?? '';
    for (let id = 1; id <= 150; id++) {
      await create(`/users/${id}`, {});
      await create(`/users/${id}/posts/1`, {});
      await set(`/users/${id}`, { a: id });
    }
    const connection = new FakeConnection();
    await subscribe(connection, { r: '/users', pos });
    await create('/users/151', {});
    const received = connection.received();
    expect(received.map(({ body }) => body?._r)).toEqual(
      Array.from({ length: 151 }, (_, index) => `/users/${index + 1}`),
    );
    const positions = received.map(({ meta }) => Number(meta?.pos));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    const again = new FakeConnection();
    await subscribe(again, { r: '/users', pos: received.at(-2)?.meta?.pos ?? '' });
    expect(again.summaries()).toEqual(['created /users/151']);
  });

  test('[SUB6] [ERR2] a position that was never issued is gone, and a malformed one is refused', async () => {
    const { create, subscribe } = await setUpLive();
    await create('/users/1', {});
    const { failures } = await subscribe(
      new FakeConnection(),
      { r: '/users', pos: '2' },
      { r: '/users', pos: '-1' },
      { r: '/users', pos: '99999999999999999999' },
    );
    const errors = (index: number) => ({
      [`body.subscriptions[${index}].pos`]: ['expected.position'],
    });
    const r = '/users/*';
    expect(failures).toEqual([
      { r, error: { code: 410, message: 'position.gone' } },
      { r, error: { code: 400, message: 'request.invalid', errors: errors(1) } },
      { r, error: { code: 400, message: 'request.invalid', errors: errors(2) } },
    ]);
  });

  test('[SUB7] a creation before the response is sent comes after it, once', async () => {
    const { create, live, settle } = await setUpLive();
    const connection = new FakeConnection();
    const { start } = await live.subscribe(connection, [itemOf('/users')]);
    await create('/users/1', {});
    expect(connection.summaries()).toEqual([]);
    start();
    await settle();
    await create('/users/2', {});
    expect(connection.summaries()).toEqual(['created /users/1', 'created /users/2']);
  });

  test('[SUB7] creations that the bus lost, repeated or reordered are pushed in order, once', async () => {
    const { create, set, subscribe, bus, settle } = await setUpLive({ models: [modelOf(), posts] });
    const [users, ofAll] = [new FakeConnection(), new FakeConnection()];
    await subscribe(users, '/users');
    await subscribe(ofAll, '/users/*/posts');
    await create('/users/1', {});
    bus.held = [];
    for (let id = 2; id <= 5; id++) {
      await create(`/users/${id}`, {});
      await create(`/users/${id}/posts/1`, {});
    }
    await set('/users/1', { a: 1 });
    const [two, , three, , , , five] = bus.held;
    const last = bus.held.at(-1);
    if (!two || !three || !five || !last) throw new Error('nothing was published');
    bus.deliver(three, two, five, five);
    await settle();
    bus.deliver(last);
    await settle();
    expect(users.summaries()).toEqual([1, 2, 3, 4, 5].map((id) => `created /users/${id}`));
    expect(ofAll.summaries()).toEqual([2, 3, 4, 5].map((id) => `created /users/${id}/posts/1`));
    for (const change of bus.held) bus.deliver(change);
    await settle();
    expect([...users.summaries(), ...ofAll.summaries()]).toEqual([]);
  });

  test('[SUB7] creations come in order with asynchronous rules', async () => {
    const waiting: (() => void)[] = [];
    let asynchronous = true;
    const read = rule(async () => {
      if (asynchronous) await new Promise<void>((resolve) => waiting.push(resolve));
      return true;
    });
    const { create, subscribe, settle } = await setUpLive({ models: [modelOf({ read })] });
    const connection = new FakeConnection();
    await subscribe(connection, '/users');
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);
    for (const id of ids) await create(`/users/${id}`, {});
    expect(connection.summaries()).toEqual([]);
    asynchronous = false;
    for (const resolve of waiting.splice(0)) resolve();
    await settle();
    expect(connection.summaries()).toEqual(ids.map((id) => `created /users/${id}`));
  });

  test('[ERR2] a position that expires during a catch-up ends the subscription with 410', async () => {
    let gone = false;
    const { create, subscribe, settle } = await setUpLive({
      wrap: (store) => ({
        ...bound(store),
        async created(scope, after, limit) {
          const page = await store.created(scope, after, limit);
          return gone && limit > 1 ? { ...page, entries: [], gone } : page;
        },
      }),
    });
    await create('/users/1', {});
    gone = true;
    const connection = new FakeConnection();
    await subscribe(connection, { r: '/users', pos: '0' });
    await settle();
    const error = { code: 410, message: 'position.gone' };
    expect(connection.received()).toEqual([{ evt: 'failed', r: '/users/*', error }]);
  });
});

describe('reads with subscribe', () => {
  const scope = { names: ['users'], parents: [] };
  const subscribeQuery = async (
    on: LiveSetup,
    connection: FakeConnection,
    filter: string,
    { since, ...more }: { since?: string; fields?: string[] } = {},
  ) => {
    const order = { keys: [{ field: '_r', descending: true }] };
    const query = { filter: bindRql(parseRql(filter), {}), order, limit: 200 };
    const { pos } = withCurrentView(on, connection, itemOf({ r: '/users', pos: since }));
    const request = { r: '/users/*', scope, ...query, ...more, since: pos };
    const { subscription, start } = await on.live.subscribeQuery(connection, request);
    start();
    await on.settle();
    return subscription;
  };

  test('[REA11] [PSH1] matching creations are pushed with the id of the subscription', async () => {
    const on = await setUpLive();
    const connection = new FakeConnection();
    const first = await subscribeQuery(on, connection, 'a = 1');
    const second = await subscribeQuery(on, connection, 'b = 1', { fields: ['b'] });
    expect(first).not.toBe(second);
    await on.create('/users/1', { a: 1 });
    await on.create('/users/2', { b: 1, c: 1 });
    await on.create('/users/3', { c: 1 });
    const received = connection.received();
    expect(received).toEqual([
      {
        evt: 'created',
        r: '/users/*',
        meta: { opBy, pos: '1', subscription: first },
        body: { _r: '/users/1', _rev: 1, a: 1 },
      },
      {
        evt: 'created',
        r: '/users/*',
        meta: { opBy, pos: '2', subscription: second },
        body: { _r: '/users/2', _rev: 1, b: 1 },
      },
    ]);
    expect(on.unsubscribe(connection, first)).toEqual([first]);
    await on.create('/users/4', { a: 1, b: 1 });
    expect(connection.received().map(({ meta }) => meta?.subscription)).toEqual([second]);
  });

  test('[REA11] since an earlier position', async () => {
    const on = await setUpLive();
    for (const id of [1, 2, 3]) await on.create(`/users/${id}`, { a: id });
    const connection = new FakeConnection();
    await subscribeQuery(on, connection, 'a >= 2', { since: '1' });
    expect(connection.summaries()).toEqual(['created /users/2', 'created /users/3']);
    await expect(subscribeQuery(on, connection, 'a >= 2', { since: '9' })).rejects.toThrow(
      'position.gone',
    );
    await expect(subscribeQuery(on, connection, 'a >= 2', { since: 'x' })).rejects.toMatchObject({
      message: 'request.invalid',
      errors: { 'cmdOpts.since': ['expected.position'] },
    });
    expect(on.live.counts()).toMatchObject({ queries: 1, queryGroups: 1 });
  });

  test('[QRY4] [QRY5] changes during authorization are not missed, such as one after which the object no longer matches', async () => {
    const waiting: (() => void)[] = [];
    let asynchronous = false;
    const read = rule(async () => {
      if (asynchronous) await new Promise<void>((resolve) => waiting.push(resolve));
      return true;
    });
    const on = await setUpLive({ models: [modelOf({ read })] });
    const connection = new FakeConnection();
    await subscribeQuery(on, connection, 'a = 1');
    asynchronous = true;
    await on.create('/users/1', { a: 1 });
    await on.create('/users/2', { a: 1 });
    await on.update('/users/1', { op: 'set', key: 'a', value: 2 });
    await on.update('/users/2', { op: 'set', key: 'a', value: 2 });
    asynchronous = false;
    for (const resolve of waiting.splice(0)) resolve();
    await on.settle();
    const first = ['created /users/1', 'created /users/2', 'left 2', 'left 2'];
    expect(connection.summaries()).toEqual(first);
    // The objects are no longer tracked: later changes are found by value alone.
    await on.update('/users/1', { op: 'set', key: 'a', value: 1 });
    await on.settle();
    expect(connection.summaries()).toEqual(['entered /users/1']);
  });

  test('[REA10] a filter sees what its reader sees', async () => {
    const on = await setUpLive({ models: [modelOf({ preGet: () => ['secret'] })] });
    const connection = new FakeConnection();
    await subscribeQuery(on, connection, 'secret = 1');
    await subscribeQuery(on, connection, 'secret = null', { fields: ['a'] });
    await on.create('/users/1', { secret: 1, a: 1 });
    expect(connection.received().map(({ meta, body }) => [meta?.subscription, body])).toEqual([
      ['q2', { _r: '/users/1', _rev: 1, a: 1 }],
    ]);
  });
});
