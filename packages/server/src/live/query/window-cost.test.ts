import { bindRql, type JsonObject, parseRql } from '@really/protocol';
import { describe, expect, test, vi } from 'vitest';
import { loaded } from '../../model/models.fixture.js';
import { defaultLimits } from '../../platform/limits.js';
import {
  FakeConnection,
  modelOf,
  readsAll,
  rule,
  settle,
  setUpLive,
  withQueries,
} from '../live.fixture.js';
import { LiveBudget } from '../live-budget.js';
import { isReread, windowCost } from './window-cost.js';

const filterOf = (filter: string, values?: JsonObject) => bindRql(parseRql(filter), values);
const query = {
  r: '/users/*',
  scope: { names: ['users'], parents: [] },
  order: { keys: [{ field: '_r', descending: false }] },
  limit: 3,
};

describe('[LIM17] the cost of a live query', () => {
  test.each<[string, JsonObject | undefined, number]>([
    ['a = 1', undefined, 2],
    ['a = 1 and b = 2', undefined, 3],
    ['not a = 1', undefined, 8],
    ["not a contains 'x' and not b contains 'y'", undefined, 12],
    ['a > $v', { v: 'x'.repeat(6400) }, 102],
    ['a in $v', { v: [1, 2, 3] }, 2],
    ['a = $v', { v: [1, [2, 3]] }, 24],
  ])('%s: comparisons, four times as many if not indexable', (filter, values, work) => {
    expect(windowCost(filterOf(filter, values)).work).toBe(work);
  });

  test('memory depends on the values; a list can be too long for the index', () => {
    const few = windowCost(filterOf('a in $v', { v: [1] }));
    const many = windowCost(filterOf('a in $v', { v: Array.from({ length: 2000 }, (_, n) => n) }));
    expect(many.bytes - few.bytes).toBe(1999 * 256);
    expect([few.work, many.work]).toEqual([2, 8]);
  });

  test('[LKP5] a window that changes of other objects make read again costs more', async () => {
    const { model } = await loaded({
      'users/model.yaml': 'version: 1\nfields: {}\naccess: { read: true }\n',
      'docs/model.yaml': `version: 1
fields: { owner: { type: reference, collectionR: /users } }
lookups: { boss: "{obj.owner}", self: "/users/{auth.uid}" }
access: { read: boss != null }
`,
      'users/notes/model.yaml': 'version: 1\nfields: {}\naccess: { read: parent != null }\n',
    });
    const reread = (key: string, r: string) => isReread(model(key), r);
    expect(reread('users', '/users/*')).toBe(false);
    expect(reread('docs', '/docs/*')).toBe(true);
    expect(reread('users/notes', '/users/1/notes/*')).toBe(false);
    expect(reread('users/notes', '/users/*/notes/*')).toBe(true);
    expect(windowCost(filterOf('a = 1'), { isReread: true }).work).toBe(66);
  });

  test('[REA14] the place that it begins after is charged, too', async () => {
    const from = { r: '/users/1', values: ['x'.repeat(50_000), undefined, ['y', 2]] };
    expect(windowCost(undefined, { from }).bytes - windowCost(undefined).bytes).toBe(100_002 + 512);
    const limits = { windowBytesPerUid: 150_000 };
    const { live } = await setUpLive({ models: [modelOf()], limits });
    const connection = new FakeConnection('u1');
    const order = { keys: [{ field: 'a', descending: false }] };
    const subscribe = (limit: number) =>
      live.subscribeQuery(connection, {
        ...query,
        order,
        limit,
        from: { ...from, values: ['x'.repeat(50_000)] },
      });
    await subscribe(1);
    await expect(subscribe(2)).rejects.toMatchObject({
      code: 429,
      errors: { query: ['beyond limits.windowBytesPerUid'] },
    });
  });

  test('counts for the uid, and for the node once per shared window', async () => {
    const limits = { windowWork: 9, windowWorkPerUid: 10, windowWorkPerNode: 14 };
    const { live, counts } = await setUpLive({ models: [modelOf()], limits });
    const [first, second, other] = [
      new FakeConnection('u1'),
      new FakeConnection('u1'),
      new FakeConnection('u2'),
    ];
    const subscribe = (connection: FakeConnection, filter: string) =>
      live.subscribeQuery(connection, { ...query, filter: filterOf(filter) });
    const beyond = (code: number, key: string) => ({
      code,
      errors: { query: [`beyond limits.${key}`] },
    });
    await expect(subscribe(first, 'not a = 1 and not b = 1')).rejects.toMatchObject(
      beyond(409, 'windowWork'),
    );
    await subscribe(first, 'not a = 1');
    await subscribe(second, 'a = 1');
    await expect(subscribe(second, 'a = 2')).rejects.toMatchObject(beyond(429, 'windowWorkPerUid'));
    await subscribe(other, 'not a = 1');
    await subscribe(other, 'a = 1');
    expect(counts.values.get('really_limit_refused_total limits.windowWorkPerUid')).toBe(1);
    live.drop(first);
    await subscribe(second, 'a = 2');
    live.drop(second);
    live.drop(other);
    await settle();
    expect(live.counts()).toMatchObject({ queries: 0, queryGroups: 0 });
    await subscribe(new FakeConnection('u3'), 'not c = 1');
  });

  test('one counts from the moment that it is asked for, until it is refused', async () => {
    const reads: ((error?: Error) => void)[] = [];
    const limits = { windowWorkPerUid: 3, windowWorkPerNode: 6 };
    const { live } = await setUpLive({
      limits,
      wrap: (store) =>
        withQueries(store, async (run) => {
          await new Promise<void>((resolve, reject) => {
            reads.push((error) => (error ? reject(error) : resolve()));
          });
          return await run();
        }),
    });
    const subscribe = (connection: FakeConnection, filter: string) =>
      live.subscribeQuery(connection, { ...query, filter: filterOf(filter) });
    const [connection, another] = [new FakeConnection('u1'), new FakeConnection('u1')];
    const failing = subscribe(connection, 'a = 1');
    let isRefused = false;
    const refused = subscribe(another, 'a = 2').catch(({ code }) => {
      isRefused = code === 429;
    });
    await settle();
    expect([isRefused, reads.length]).toEqual([true, 1]);
    await refused;
    reads.shift()?.(new Error('broken'));
    await expect(failing).rejects.toMatchObject({ code: 500 });
    // What was taken is given back once, whatever became of it.
    const dropped = subscribe(another, 'a = 2');
    await settle();
    live.drop(another);
    reads.shift()?.();
    expect((await dropped).subscription).toBe('');
    const succeeding = subscribe(connection, 'a = 3');
    await settle();
    reads.shift()?.();
    const { subscription } = await succeeding;
    await expect(subscribe(connection, 'a = 4')).rejects.toMatchObject({ code: 429 });
    live.abandonQuery(connection, subscription);
    const next = subscribe(connection, 'a = 4');
    await settle();
    reads.shift()?.();
    await next;
    expect(live.counts()).toMatchObject({ queries: 1, queryGroups: 1 });
  });

  test('for a connection that is gone by then nothing is taken, and no window is read', async () => {
    let reads = 0;
    const { live } = await setUpLive({
      wrap: (store) =>
        withQueries(store, (run) => {
          reads += 1;
          return run();
        }),
    });
    const connection = new FakeConnection('u1');
    const subscribing = live.subscribeQuery(connection, query);
    live.drop(connection);
    expect((await subscribing).subscription).toBe('');
    expect(reads).toBe(0);
  });

  test('when the node is full, the largest user is evicted for a small one', async () => {
    const limits = { windowWorkPerNode: 10, windowWorkPerUid: 10 };
    const { live } = await setUpLive({ models: [modelOf()], limits });
    const [greedy, modest] = [new FakeConnection('greedy'), new FakeConnection('modest')];
    for (const filter of ['a = 1', 'a = 2', 'a = 3', 'a = 4', 'a = 5']) {
      const { start } = await live.subscribeQuery(greedy, { ...query, filter: filterOf(filter) });
      start();
    }
    await live.subscribeQuery(modest, { ...query, filter: filterOf('b = 1') });
    const pushes = greedy.received();
    expect(pushes.map(({ evt, error }) => [evt, error?.code])).toEqual(
      Array.from({ length: 5 }, () => ['failed', 429]),
    );
    expect(live.counts().queries).toBe(1);
  });

  test('who needs room because of other rights loses nothing else of its own for that', async () => {
    const limits = { windowWorkPerNode: 10, windowWorkPerUid: 10 };
    const read = rule(({ auth }) => auth.uid !== 'nobody', readsAll);
    const { live } = await setUpLive({ models: [modelOf({ read })], limits });
    const address = '192.0.2.1';
    const connection = Object.assign(new FakeConnection({ uid: 'u1', authType: 'anonymous' }), {
      address,
    });
    for (const filter of ['a = 1', 'a = 2', 'a = 3', 'a = 4', 'a = 5']) {
      const { start } = await live.subscribeQuery(connection, {
        ...query,
        filter: filterOf(filter),
      });
      start();
    }
    // It still counts for its address.
    connection.auth = { uid: 'u1' };
    live.authChanged(connection);
    await live.settled();
    expect(connection.received().map(({ evt }) => evt)).toEqual(['failed']);
    expect(live.counts()).toMatchObject({ queries: 4, queryGroups: 4 });
  });

  test('a live query that ends while there is made room for it is not moved, and leaves no window behind', async () => {
    const read = rule(({ auth }) => auth.uid !== 'nobody', readsAll);
    const { live } = await setUpLive({ models: [modelOf({ read })] });
    const connection = new FakeConnection({ uid: 'u1' });
    const { subscription, start } = await live.subscribeQuery(connection, query);
    start();
    const acquired = vi.spyOn(LiveBudget.prototype, 'acquireWindow').mockImplementationOnce(() => {
      live.abandonQuery(connection, subscription);
    });
    connection.auth = { uid: 'u1', data: { is: 'another' } };
    live.authChanged(connection);
    await live.settled();
    acquired.mockRestore();
    expect(live.counts()).toMatchObject({ queries: 0, queryGroups: 0, queryRows: 0 });
  });

  test('nobody is evicted for windows that others keep alive', async () => {
    const limits = { windowWorkPerNode: 10, windowWorkPerUid: 10 };
    const { live } = await setUpLive({ models: [modelOf()], limits });
    const names = ['first', 'second', 'greedy', 'modest'];
    const [first, second, greedy, modest] = names.map((uid) => new FakeConnection(uid));
    const subscribe = async (connection: FakeConnection | undefined, filter: string) => {
      if (!connection) return;
      const { start } = await live.subscribeQuery(connection, {
        ...query,
        filter: filterOf(filter),
      });
      start();
    };
    for (const filter of ['a = 1', 'a = 2', 'a = 3']) {
      await subscribe(first, filter);
      await subscribe(second, filter);
    }
    await subscribe(greedy, 'a = 4');
    await subscribe(greedy, 'a = 5');
    await subscribe(modest, 'b = 1');
    // Each of the two uses six of the ten, as does nobody else, but only three would be given back.
    expect([first, second].flatMap((connection) => connection?.received())).toEqual([]);
    expect(greedy?.received().map(({ evt }) => evt)).toEqual(['failed', 'failed']);
    expect(live.counts().queries).toBe(7);
  });

  test('changes are dispatched in slices, and every subscriber receives each once and in order', async () => {
    const { live, platform, create, set } = await setUpLive({ models: [modelOf()] });
    // Every reading of the clock takes long, so that each slice is over at once.
    const { clock } = platform;
    const monotonic = clock.monotonic.bind(clock);
    let reads = 0;
    Object.defineProperty(clock, 'monotonic', { value: () => monotonic() + 20 * reads++ });
    const connections = Array.from({ length: 40 }, (_, n) => new FakeConnection(`u${n}`));
    const long = Array.from({ length: 100 }, () => 'not c = 1').join(' and ');
    for (const [n, connection] of connections.entries()) {
      const filter = filterOf(`${long} and not b = ${n}`);
      const { start } = await live.subscribeQuery(connection, { ...query, filter });
      start();
    }
    await create('/users/1', { a: 0 });
    for (let a = 1; a < 10; a++) await set('/users/1', { a });
    expect(connections.at(-1)?.frames.length).toBeLessThan(10);
    await live.settled();
    const expected = ['created 1', ...Array.from({ length: 9 }, (_, n) => `updated ${n + 2}`)];
    for (const connection of connections) {
      const received = connection
        .received()
        .map(({ evt, rev, body }) => `${evt} ${rev ?? body?._rev}`);
      expect(received).toEqual(expected);
    }
  });
});

test('[LIM20] subscriptions are limited by uid, across its connections, and by node', async () => {
  expect(defaultLimits.subscriptionsPerUid).toBeGreaterThanOrEqual(5 * defaultLimits.subscriptions);
  const limits = { subscriptionsPerUid: 2, subscriptionsPerNode: 3, subscriptions: 4 };
  const { live, create, subscribe } = await setUpLive({ limits });
  for (const id of [1, 2, 3]) await create(`/users/${id}`, {});
  const [first, second, other] = [
    new FakeConnection('u1'),
    new FakeConnection('u1'),
    new FakeConnection('u2'),
  ];
  await subscribe(first, '/users/1');
  const { failures } = await subscribe(second, '/users/1', '/users/2');
  const beyond = (key: string) => [
    expect.objectContaining({
      error: expect.objectContaining({
        code: 429,
        errors: { 'body.subscriptions': [`beyond limits.${key}`] },
      }),
    }),
  ];
  expect(failures).toEqual(beyond('subscriptionsPerUid'));
  const more = await subscribe(other, '/users/1', '/users/2');
  expect(more.failures).toEqual(beyond('subscriptionsPerNode'));
  live.drop(first);
  other.received();
  expect(await subscribe(other, '/users/2')).not.toHaveProperty('failures');
});
