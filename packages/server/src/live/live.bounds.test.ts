import { describe, expect, test } from 'vitest';
import type { Store } from '../store/store.js';
import { bound, FakeConnection, itemOf, modelOf, rule, setUpLive } from './live.fixture.js';

const r = '/users/1';

describe('a connection with a full output buffer', () => {
  test('[LIM4] updates are conflated into one snapshot', async () => {
    const { create, set, subscribe, live, settle, counts } = await setUpLive();
    await create(r, { a: 1 });
    const [slow, quick] = [new FakeConnection(), new FakeConnection()];
    await subscribe(slow, { r, rev: 1 });
    await subscribe(quick, { r, rev: 1 });
    await set(r, { a: 2 });
    slow.congested = true;
    for (let a = 3; a <= 50; a++) await set(r, { a });
    await settle();
    expect(slow.summaries()).toEqual(['updated 2']);
    expect(quick.summaries()).toHaveLength(49);
    slow.congested = false;
    live.onDrain(slow);
    await settle();
    expect(slow.received()).toEqual([
      { evt: 'snapshot', r, rev: 50, body: { _r: r, _rev: 50, a: 50 } },
    ]);
    await set(r, { a: 51 });
    expect(slow.summaries()).toEqual(['updated 51']);
    expect(counts.values.get('really_snapshots_total conflated')).toBe(1);
  });

  test('[LIM4] [PSH4] an invisible change causes no snapshot', async () => {
    const { create, set, subscribe, live, settle } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1, fields: ['a'] });
    connection.congested = true;
    await set(r, { b: 2 });
    connection.congested = false;
    live.onDrain(connection);
    await settle();
    expect(connection.summaries()).toEqual([]);
    await set(r, { a: 2 });
    expect(connection.received()[0]?.meta?.prev).toBe(1);
  });

  test('[LIM4] the end of a subscription is reported when it drains', async () => {
    const read = rule(({ obj }) => obj.a !== 'closed');
    const { create, set, remove, subscribe, live, settle } = await setUpLive({
      models: [modelOf({ read })],
    });
    await create(r, { a: 1 });
    await create('/users/2', { a: 1 });
    const connection = new FakeConnection();
    await subscribe(connection, { r, rev: 1 }, { r: '/users/2', rev: 1 });
    connection.congested = true;
    await set(r, { a: 2 });
    await remove(r);
    await set('/users/2', { a: 'closed' });
    await settle();
    expect(connection.summaries()).toEqual([]);
    connection.congested = false;
    live.onDrain(connection);
    await settle();
    expect(connection.summaries().sort()).toEqual(['deleted 3', 'failed']);
    expect(live.counts().subscriptions).toBe(0);
  });

  test('[LIM4] pushes stop again when it is full again', async () => {
    const { create, set, subscribe, live, settle } = await setUpLive();
    const connection = new FakeConnection();
    const ids = Array.from({ length: 20 }, (_, index) => `/users/${index}`);
    for (const id of ids) await create(id, {});
    await subscribe(connection, ...ids.map((id) => ({ r: id, rev: 1 })));
    connection.congested = true;
    for (const id of ids) await set(id, { a: 1 });
    const push = connection.push.bind(connection);
    const received: string[] = [];
    connection.push = (frame) => {
      push(frame);
      connection.congested = connection.frames.length >= 3;
    };
    for (let round = 0; round < 7; round++) {
      connection.congested = false;
      live.onDrain(connection);
      await settle();
      expect(connection.frames.length).toBeLessThanOrEqual(3);
      received.push(...connection.received().map(({ r: id }) => id));
    }
    expect(received.sort()).toEqual([...ids].sort());
  });

  test('[LIM4] [SUB2] a replay pauses, and then continues revision by revision', async () => {
    const { create, set, subscribe, live, settle } = await setUpLive();
    await create(r, { a: 1 });
    for (let a = 2; a <= 10; a++) await set(r, { a });
    const connection = new FakeConnection();
    const push = connection.push.bind(connection);
    connection.push = (frame) => {
      push(frame);
      connection.congested = connection.frames.length >= 4;
    };
    await subscribe(connection, { r, rev: 1 });
    expect(connection.summaries()).toEqual([2, 3, 4, 5].map((rev) => `updated ${rev}`));
    connection.congested = false;
    live.onDrain(connection);
    await settle();
    expect(connection.summaries()).toEqual([6, 7, 8, 9].map((rev) => `updated ${rev}`));
    connection.congested = false;
    live.onDrain(connection);
    await settle();
    expect(connection.summaries()).toEqual(['updated 10']);
  });

  test('[LIM4] a collection continues where it stopped, with each creation', async () => {
    const { create, subscribe, live, settle } = await setUpLive();
    const connection = new FakeConnection();
    await subscribe(connection, '/users');
    await create('/users/1', {});
    connection.congested = true;
    for (let id = 2; id <= 150; id++) await create(`/users/${id}`, {});
    expect(connection.summaries()).toEqual(['created /users/1']);
    connection.congested = false;
    live.onDrain(connection);
    await create('/users/151', {});
    await settle();
    await create('/users/152', {});
    expect(connection.summaries()).toEqual(
      Array.from({ length: 151 }, (_, index) => `created /users/${index + 2}`),
    );
  });

  test('[LIM4] a first snapshot waits too', async () => {
    const { create, set, subscribe, live, settle } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    connection.congested = true;
    await subscribe(connection, r);
    await set(r, { a: 2 });
    expect(connection.summaries()).toEqual([]);
    connection.congested = false;
    live.onDrain(connection);
    await settle();
    expect(connection.summaries()).toEqual(['snapshot 2']);
  });
});

describe('limits and cleanup', () => {
  test('[LIM3] limits the subscriptions of a connection, and its live queries', async () => {
    const { create, subscribe, live } = await setUpLive({
      limits: { subscriptions: 4, queries: 2 },
    });
    for (const id of [1, 2, 3, 4]) await create(`/users/${id}`, {});
    const connection = new FakeConnection();
    const subscribeQuery = () => {
      const order = { keys: [{ field: '_r', descending: true }] };
      const scope = { names: ['users'], parents: [] };
      return live.subscribeQuery(connection, { r: '/users/*', scope, order, limit: 200 });
    };
    await subscribeQuery();
    await subscribeQuery();
    await expect(subscribeQuery()).rejects.toMatchObject({ code: 429, meta: { retryAfter: 1 } });
    const answer = await subscribe(
      connection,
      '/users/1',
      '/users/2',
      '/users/3',
      '/users',
      '/users/1',
    );
    const failure = { error: { code: 429, message: 'rate.limited' }, meta: { retryAfter: 1 } };
    expect(answer.subscriptions).toHaveLength(3);
    expect(answer.failures).toEqual([
      { r: '/users/3', ...failure },
      { r: '/users/*', ...failure },
    ]);
    live.drop(connection);
    expect(live.counts()).toEqual(nothing);
  });

  test('[LIM20] all anonymous tokens of an address have as much as one uid', async () => {
    const { create, subscribe } = await setUpLive({ limits: { subscriptionsPerUid: 3 } });
    for (const id of [1, 2, 3]) await create(`/users/${id}`, {});
    const anonymous = (uid: string, address: string) =>
      Object.assign(new FakeConnection({ uid, authType: 'anonymous' }), { address });
    const all = ['/users/1', '/users/2', '/users/3'];
    const taken = async (connection: FakeConnection) =>
      ((await subscribe(connection, ...all)).subscriptions as unknown[]).length;
    expect(await taken(anonymous('a', '192.0.2.1'))).toBe(3);
    expect(await taken(anonymous('b', '192.0.2.1'))).toBe(0);
    expect(await taken(anonymous('c', '192.0.2.2'))).toBe(3);
    const known = Object.assign(new FakeConnection({ uid: 'd' }), { address: '192.0.2.1' });
    expect(await taken(known)).toBe(3);
  });

  test('[LIM20] when the node is full, the user with most subscriptions makes room for those with few', async () => {
    const limits = { subscriptionsPerNode: 20 };
    const { create, set, subscribe, live, settle, platform } = await setUpLive({ limits });
    const all = Array.from({ length: 20 }, (_, id) => `/users/${id}`);
    for (const id of all) await create(id, { a: 1 });
    const [greedy, modest] = [new FakeConnection('greedy'), new FakeConnection('modest')];
    await subscribe(greedy, ...all);
    greedy.frames.length = 0;
    expect((await subscribe(modest, ...all)).subscriptions).toHaveLength(10);
    await settle();
    // He lost half of what he had: with as many as the others have he keeps the rest.
    const ended = greedy.received();
    expect(ended.map(({ evt, error }) => `${evt} ${error?.code}`)).toEqual(
      Array(10).fill('failed 429'),
    );
    expect(live.counts()).toMatchObject({ subscriptions: 20 });
    modest.frames.length = 0;
    for (const id of all) await set(id, { a: 2 });
    expect(greedy.summaries()).toEqual(Array(10).fill('updated 2'));
    expect(modest.summaries()).toEqual(Array(10).fill('updated 2'));
    platform.advance(1000);
    const other = new FakeConnection('other');
    expect((await subscribe(other, ...all)).subscriptions).toHaveLength(5);
    expect(live.counts()).toMatchObject({ subscriptions: 20 });
  });

  test('nothing is left when all connections are gone', async () => {
    const { create, set, subscribe, live, settle } = await setUpLive();
    for (let id = 0; id < 30; id++) await create(`/users/${id}`, { a: 1 });
    for (let round = 0; round < 3; round++) {
      const connections = Array.from(
        { length: 30 },
        (_, index) => new FakeConnection(`u${index % 3}`),
      );
      for (const connection of connections) {
        const ids = Array.from({ length: 30 }, (_, id) => ({ r: `/users/${id}` }));
        await subscribe(connection, ...ids, '/users', '/users/99');
      }
      expect(live.counts()).toMatchObject({
        connections: 30,
        objectTopics: 30,
        collectionTopics: 1,
      });
      for (let id = 0; id < 30; id++) await set(`/users/${id}`, { a: round });
      for (const connection of connections) live.drop(connection);
      await settle();
      expect(live.counts()).toEqual(nothing);
    }
  });

  test('a connection that closes while its command is in flight leaves nothing', async () => {
    const { create, set, subscribe, live, settle } = await setUpLive();
    await create(r, { a: 1 });
    const connection = new FakeConnection();
    const subscribing = live.subscribe(connection, [itemOf(r), itemOf('/users')]);
    live.drop(connection);
    const { start } = await subscribing;
    start();
    await settle();
    await set(r, { a: 2 });
    await subscribe(connection, r);
    expect(connection.summaries()).toEqual([]);
    expect(live.counts()).toEqual(nothing);
  });

  test('a connection that closes during a push does not disturb the others', async () => {
    const { create, set, subscribe, live } = await setUpLive();
    await create(r, { a: 1 });
    const connections = Array.from({ length: 9 }, () => new FakeConnection());
    for (const connection of connections) await subscribe(connection, { r, rev: 1 });
    for (const index of [0, 4, 8]) {
      const connection = connections[index];
      if (connection) connection.push = () => live.drop(connection);
    }
    await set(r, { a: 2 });
    await set(r, { a: 3 });
    const summaries = connections.map((connection) => connection.summaries().length);
    expect(summaries).toEqual([0, 2, 2, 2, 0, 2, 2, 2, 0]);
    expect(live.counts().subscriptions).toBe(6);
  });

  test('[DUR5] a connection whose replay waits for the store does not keep the others waiting', async () => {
    let pendingReads = 0;
    const { create, set, subscribe } = await setUpLive({
      wrap: (store) =>
        new Proxy(store, {
          get(target, name) {
            const method: unknown = Reflect.get(target, name);
            if (typeof method !== 'function') return method;
            if (name !== 'history') return method.bind(target);
            return (id: string, ...rest: unknown[]) => {
              if (!id.startsWith('/users/slow')) return method.call(target, id, ...rest);
              pendingReads += 1;
              return new Promise(() => {});
            };
          },
        }),
    });
    const ids = Array.from({ length: 100 }, (_, index) => `/users/slow${index}`);
    for (const id of [...ids, r]) {
      await create(id, {});
      await set(id, { a: 1 });
    }
    const [greedy, modest] = [new FakeConnection(), new FakeConnection()];
    await subscribe(greedy, ...ids.map((id) => ({ r: id, rev: 1 })));
    await subscribe(modest, { r, rev: 1 });
    expect(modest.summaries()).toEqual(['updated 2']);
    expect(pendingReads).toBe(4);
  });
});

const nothing = {
  connections: 0,
  subscriptions: 0,
  queries: 0,
  objectTopics: 0,
  collectionTopics: 0,
  queryGroups: 0,
  queryRows: 0,
  resumableRows: 0,
  pausedRows: 0,
  queuedReads: 0,
};

test('[LIM44] nothing is read for those who owe, and of those who subscribe at the same time not for all', async () => {
  let reads = 0;
  let isInDebt = true;
  const on = await setUpLive({
    wrap: (store) =>
      new Proxy(store, {
        get: (target, name: keyof Store) => {
          if (name === 'getMany') reads += 1;
          const member = target[name];
          return typeof member === 'function' ? member.bind(target) : member;
        },
      }),
  });
  for (let n = 0; n < 40; n++) await on.create(`/users/${n}`, { a: n });
  const waiting: (() => void)[] = [];
  const untilPaid = () =>
    isInDebt ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined;
  const charge = () => {
    isInDebt = true;
    return undefined;
  };
  const connections = Array.from({ length: 40 }, () => new FakeConnection());
  const subscribing = connections.map((connection, n) => {
    Object.assign(connection, { untilPaid, charge });
    return on.live.subscribe(connection, [itemOf(`/users/${n}`)]);
  });
  await on.settle();
  expect(reads).toBe(0);
  // One whose client is gone does not wait any longer.
  const last = connections.at(-1);
  if (last) on.live.drop(last);
  for (let before = 0; reads < 39; before = reads) {
    isInDebt = false;
    for (const proceed of waiting.splice(0)) proceed();
    await on.settle();
    expect(reads).toBeGreaterThan(before);
    expect(reads).toBeLessThanOrEqual(before + 16);
  }
  for (const proceed of waiting.splice(0)) proceed();
  const results = await Promise.all(subscribing);
  expect(reads).toBe(39);
  expect(results.map(({ subscriptions }) => subscriptions.length)).toEqual([
    ...Array(39).fill(1),
    0,
  ]);
});

test('[LIM43] the objects of a request are read one after the other, and others have their turn in between', async () => {
  const pauses: unknown[] = [];
  const on = await setUpLive({
    isHurried: true,
    heads: async (rs, pause) => {
      for (const _ of rs) {
        const paused = pause?.();
        pauses.push(paused);
        await paused;
      }
      return await on.store.getMany(rs);
    },
  });
  for (let n = 0; n < 8; n++) await on.create(`/users/${n}`, { a: n });
  const connection = new FakeConnection();
  const items = Array.from({ length: 8 }, (_, n) => itemOf(`/users/${n}`));
  const { subscriptions } = await on.live.subscribe(connection, items);
  expect(subscriptions).toHaveLength(8);
  expect(pauses).toHaveLength(8);
  for (const paused of pauses) expect(paused).toBeInstanceOf(Promise);
});

test('[LIM43] so are those that left a window, a part of them at a time', async () => {
  const asked: number[] = [];
  let pauses = 0;
  const on = await setUpLive({
    isHurried: true,
    limits: { queryTime: 1_000_000 },
    heads: async (rs, pause) => {
      asked.push(rs.length);
      if (pause?.()) pauses += 1;
      return await on.store.getMany(rs);
    },
  });
  for (let n = 0; n < 100; n++) await on.create(`/users/${n}`, { a: n });
  const connection = new FakeConnection();
  const order = { keys: [{ field: 'a', descending: false }] };
  const scope = { names: ['users'], parents: [] };
  const query = { r: '/users/*', scope, order, limit: 100 };
  (await on.live.subscribeQuery(connection, query)).start();
  await on.live.settled();
  on.bus.held = [];
  for (let n = 0; n < 100; n++) await on.remove(`/users/${n}`);
  on.bus.held = undefined;
  await on.live.resync();
  await on.live.settled();
  expect(asked).toEqual([32, 32, 32, 4]);
  expect(pauses).toBe(4);
  const left = connection.received().filter(({ evt }) => evt === 'left');
  expect(left.map(({ rev }) => rev)).toEqual(Array(100).fill(2));
});

describe('a user with many connections', () => {
  /** Sixty connections of one user and one of another; what is read for them waits for `proceed`. */
  async function setUpMany() {
    const reads: string[] = [];
    let proceed = () => {};
    const held = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const on = await setUpLive({
      heads: async (rs) => {
        reads.push(...rs);
        await held;
        return await on.store.getMany(rs);
      },
      wrap: (store) => ({
        ...bound(store),
        get: async (r) => {
          reads.push(r);
          return await store.get(r);
        },
        history: async (r, ...range) => {
          reads.push(r);
          return await store.history(r, ...range);
        },
      }),
    });
    const rs = Array.from({ length: 61 }, (_, n) => `/users/${n}`);
    for (const r of rs) await on.create(r, { a: 1 });
    const connections = rs.map((_, n) => new FakeConnection(n < 60 ? 'greedy' : 'other'));
    /** How many were read before that of the other user. */
    const before = () => [...new Set(reads)].indexOf('/users/60');
    return { ...on, rs, connections, reads, before, proceed };
  }

  test('[LIM43] lets others subscribe meanwhile', async () => {
    const { live, rs, connections, before, proceed } = await setUpMany();
    const subscribing = connections.map((connection, n) =>
      live.subscribe(connection, [itemOf(rs[n] ?? '')]),
    );
    proceed();
    await Promise.all(subscribing);
    // There are sixteen reads at a time.
    expect(before()).toBeLessThan(20);
  });

  test('[LIM43] lets others catch up meanwhile', async () => {
    const { live, rs, connections, reads, before, proceed, set } = await setUpMany();
    proceed();
    for (const [n, connection] of connections.entries()) {
      (await live.subscribe(connection, [itemOf(rs[n] ?? '')])).start();
      await live.settled();
      connection.congested = true;
    }
    for (const r of rs) await set(r, { a: 2 });
    await live.settled();
    reads.length = 0;
    for (const connection of connections) {
      connection.congested = false;
      live.onDrain(connection);
    }
    await live.settled();
    expect(before()).toBeGreaterThan(0);
    expect(before()).toBeLessThan(20);
  });
});

test('[LIM44] a large request is read as the rate of its client allows, and no further once it is gone', async () => {
  const reads: number[] = [];
  const on = await setUpLive({
    wrap: (store) =>
      new Proxy(store, {
        get: (target, name: keyof Store) => {
          if (name === 'getMany') {
            return (rs: readonly string[]) => {
              reads.push(rs.length);
              return target.getMany(rs);
            };
          }
          const member = target[name];
          return typeof member === 'function' ? member.bind(target) : member;
        },
      }),
  });
  for (let n = 0; n < 40; n++) await on.create(`/users/${n}`, { a: n });
  const connection = new FakeConnection();
  let proceed = () => {};
  const charge = () =>
    new Promise<void>((resolve) => {
      proceed = resolve;
    });
  Object.assign(connection, { charge });
  const items = Array.from({ length: 40 }, (_, n) => itemOf(`/users/${n}`));
  const subscribing = on.live.subscribe(connection, items);
  await on.settle();
  expect(reads).toEqual([8]);
  proceed();
  await on.settle();
  expect(reads).toEqual([8, 8]);
  on.live.drop(connection);
  proceed();
  const { subscriptions } = await subscribing;
  expect(reads).toEqual([8, 8]);
  expect(subscriptions.length).toBe(16);
  expect(on.live.subscribedRs(connection)).toEqual([]);
});
