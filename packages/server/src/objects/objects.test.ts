import { fail, type JsonObject, ProtocolError } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { CommittedChange, StoredObject } from '../store/stored-object.js';
import type { OnceKey, Write } from '../store/write-group.js';
import { createWrite, deleteWrite, updateWrite, type WriteOrigin } from './change.js';
import { controlled } from './controlled-store.fixture.js';
import { Objects, type ObjectsLimits } from './objects.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };

async function setUp(options: { limits?: Partial<ObjectsLimits>; isSoleWriter?: boolean } = {}) {
  const platform = simulatedPlatform({ seed: 1 });
  const inner = openMemoryStore({}, platform);
  const unique = [{ fields: ['email'], unique: true }];
  await inner.prepare([{ names: ['users'], indexes: unique, retention: {} }]);
  const store = controlled(inner);
  if (options.isSoleWriter !== undefined)
    Object.assign(store, { isSoleWriter: options.isSoleWriter });
  const bus = localBus();
  const publishedChanges: CommittedChange[] = [];
  bus.listen((changes) => publishedChanges.push(...changes));
  const { limits } = options;
  const objects = new Objects({ store, bus, platform, log: silentLog, limits });
  return { platform, inner, store, bus, publishedChanges, objects };
}

type Objs = Awaited<ReturnType<typeof setUp>>['objects'];

function create(
  objects: Objs,
  r: string,
  data: JsonObject,
  { once, ...more }: Partial<WriteOrigin> & { once?: OnceKey } = {},
) {
  return objects.write({
    r,
    once,
    prepare(head) {
      if (head) throw fail('object.already.exist');
      return createWrite(r, data, { ...origin, ...more });
    },
  });
}

/** Adds to `n`; refused where the sum exceeds 100. */
function add(
  objects: Objs,
  r: string,
  n: number,
  { once, ...more }: Partial<WriteOrigin> & { once?: OnceKey } = {},
) {
  const prepare = (head: StoredObject | undefined): Write => {
    if (!head) throw fail('object.missing');
    const sum = Number(head.data.n ?? 0) + n;
    if (sum > 100) throw fail('forbidden');
    const data = { ...head.data, n: sum };
    return updateWrite(head, { data, delta: {}, touched: ['n'] }, { ...origin, ...more });
  };
  return objects.write({ r, once, prepare });
}

function set(
  objects: Objs,
  r: string,
  members: JsonObject,
  { once, ...more }: Partial<WriteOrigin> & { once?: OnceKey } = {},
) {
  const prepare = (head: StoredObject | undefined): Write => {
    if (!head) throw fail('object.missing');
    const data = { ...head.data, ...members };
    const touched = Object.keys(members);
    return updateWrite(head, { data, delta: {}, touched }, { ...origin, ...more });
  };
  return objects.write({ r, once, prepare });
}

async function outcome(result: Promise<{ kind: string }>): Promise<string> {
  try {
    return (await result).kind;
  } catch (error) {
    return error instanceof ProtocolError ? error.message : `bug: ${String(error)}`;
  }
}

const outcomes = (results: Promise<{ kind: string }>[]) => Promise.all(results.map(outcome));

/** Lets everything run that needs no commit. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('writing objects', () => {
  test('[DUR2] updates of one object build on each other without waiting, in order', async () => {
    const { objects, store, publishedChanges } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    store.hold();
    const first = add(objects, '/users/1', 1);
    await store.held();
    const rest = [add(objects, '/users/1', 10), add(objects, '/users/1', 20)];
    await settle();
    store.release();
    expect(await outcomes([first, ...rest])).toEqual(['committed', 'committed', 'committed']);
    expect(await objects.head('/users/1')).toMatchObject({ rev: 4, data: { n: 31 } });
    // The two that came during the first commit share the next.
    expect(store.commits).toEqual([['/users/1@1'], ['/users/1@2'], ['/users/1@3', '/users/1@4']]);
    await objects.drain();
    expect(publishedChanges.map(({ rev, pos }) => [rev, pos])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
  });

  test('writes of one tick go in one commit, which is bounded', async () => {
    const { objects, store } = await setUp({ limits: { commitWrites: 3 } });
    await Promise.all([1, 2, 3, 4, 5].map((id) => create(objects, `/users/${id}`, {})));
    expect(store.commits.map((commit) => commit.length)).toEqual([3, 2]);
  });

  test('the bytes of a commit are bounded', async () => {
    const { objects, store } = await setUp({ limits: { commitBytes: 10_000 } });
    const text = 'x'.repeat(8000);
    await Promise.all([1, 2, 3].map((id) => create(objects, `/users/${id}`, { text })));
    expect(store.commits.map((commit) => commit.length)).toEqual([1, 1, 1]);
  });

  test('[GET8] [DUR3] reads and the bus see only what is committed', async () => {
    const { objects, store, publishedChanges } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    await objects.drain();
    publishedChanges.length = 0;
    store.hold();
    const result = add(objects, '/users/1', 1);
    await store.held();
    expect(await objects.head('/users/1')).toMatchObject({ rev: 1 });
    expect(publishedChanges).toEqual([]);
    store.release();
    await result;
    expect(await objects.head('/users/1')).toMatchObject({ rev: 2 });
    await objects.drain();
    expect(publishedChanges.map(({ rev }) => rev)).toEqual([2]);
  });

  test('a writer is answered before the change is published', async () => {
    const { objects, bus } = await setUp();
    const order: string[] = [];
    bus.listen(() => order.push('published'));
    const answer = async (result: Promise<unknown>) => {
      await result;
      for (let hop = 0; hop < 20; hop++) await null;
      order.push('answered');
    };
    await answer(create(objects, '/users/1', {}));
    await objects.drain();
    expect(order).toEqual(['answered', 'published']);
  });

  test('a refusal based on a pending state is reported once that state is stored', async () => {
    const { objects, store } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    store.hold();
    const first = add(objects, '/users/1', 100);
    await store.held();
    const second = add(objects, '/users/1', 1);
    let isAnswered = false;
    void outcome(second).then(() => {
      isAnswered = true;
    });
    await settle();
    expect(isAnswered).toBe(false);
    store.release();
    expect(await outcomes([first, second])).toEqual(['committed', 'forbidden']);
  });

  test('a request refused because of a write that then failed is prepared again', async () => {
    const { objects, store } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    store.hold();
    store.failNext(new StoreUnavailable('disk full'));
    const first = add(objects, '/users/1', 100);
    await store.held();
    const second = add(objects, '/users/1', 1);
    await settle();
    store.release();
    expect(await outcomes([first, second])).toEqual(['server.unavailable', 'committed']);
    expect(await objects.head('/users/1')).toMatchObject({ rev: 2, data: { n: 1 } });
  });

  test('[DUR6] a commit that fails is 503 for its writes, and writes built on it are retried', async () => {
    const { objects, store, publishedChanges } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    await create(objects, '/users/2', { n: 0 });
    store.hold();
    store.failNext(new StoreUnavailable('disk full'));
    const inIt = [add(objects, '/users/1', 1), add(objects, '/users/1', 2)];
    inIt.push(add(objects, '/users/2', 4));
    await store.held();
    const behind = [add(objects, '/users/1', 10), add(objects, '/users/1', 20)];
    await settle();
    store.release();
    expect(await outcomes(inIt)).toEqual(Array(3).fill('server.unavailable'));
    expect(await outcomes(behind)).toEqual(['committed', 'committed']);
    expect(await objects.head('/users/1')).toMatchObject({ rev: 3, data: { n: 30 } });
    expect(await objects.head('/users/2')).toMatchObject({ rev: 1, data: { n: 0 } });
    await objects.drain();
    expect(publishedChanges.map(({ r, rev }) => `${r}@${rev}`)).toEqual([
      '/users/1@1',
      '/users/2@1',
      '/users/1@2',
      '/users/1@3',
    ]);
  });

  test('[DUR6] the response to a failed commit has retry-after', async () => {
    const { objects, store } = await setUp();
    store.failNext(new StoreUnavailable('disk full'));
    await expect(create(objects, '/users/1', {})).rejects.toMatchObject({
      code: 503,
      message: 'server.unavailable',
      meta: { retryAfter: 1 },
    });
  });

  test('[DUR6] a store that cannot be read is 503 for reads and writes, and works again later', async () => {
    const { objects, store } = await setUp();
    store.unreadable = true;
    expect(await outcome(create(objects, '/users/1', {}))).toBe('server.unavailable');
    await expect(objects.head('/users/1')).rejects.toMatchObject({ code: 503 });
    await expect(objects.heads(['/users/1'])).rejects.toMatchObject({ code: 503 });
    store.unreadable = false;
    expect(await outcome(create(objects, '/users/1', {}))).toBe('committed');
  });

  test('an unexpected failure of a commit is reported, and the next write reads from the store', async () => {
    const { objects, store, inner } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    store.failNext(new Error('a bug'));
    await expect(add(objects, '/users/1', 1)).rejects.toThrow('a bug');
    const stored = await inner.get('/users/1');
    if (!stored) throw new Error('it is stored');
    await inner.commit([
      { writes: [updateWrite(stored, { data: { n: 50 }, delta: {}, touched: ['n'] }, origin)] },
    ]);
    expect(await outcome(add(objects, '/users/1', 1))).toBe('committed');
    expect(await objects.head('/users/1')).toMatchObject({ rev: 3, data: { n: 51 } });
  });

  test('[IDX2] writes built on a write that the store refuses start from the stored state again', async () => {
    const { objects, store } = await setUp();
    await create(objects, '/users/1', { email: 'a' });
    await create(objects, '/users/2', { email: 'b', n: 0 });
    store.hold();
    const clash = set(objects, '/users/2', { email: 'a' });
    const after = [add(objects, '/users/2', 1), add(objects, '/users/2', 2)];
    await store.held();
    const behind = add(objects, '/users/2', 4);
    await settle();
    store.release();
    expect(await outcome(clash)).toBe('unique');
    expect(await outcomes([...after, behind])).toEqual(['committed', 'committed', 'committed']);
    expect(await objects.head('/users/2')).toMatchObject({ rev: 4, data: { email: 'b', n: 7 } });
  });

  test('writes succeed between any number of writes that the store refuses', async () => {
    const { objects } = await setUp({ limits: { conflictRetries: 2 } });
    await create(objects, '/users/1', { email: 'a' });
    await create(objects, '/users/2', { email: 'b', n: 0 });
    const results = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0 ? set(objects, '/users/2', { email: 'a' }) : add(objects, '/users/2', 1),
    );
    expect(await outcomes(results)).toEqual(
      results.map((_, i) => (i % 2 === 0 ? 'unique' : 'committed')),
    );
    expect(await objects.head('/users/2')).toMatchObject({ rev: 21, data: { n: 20 } });
  });

  test('[CRE4] a required object is missing at the commit', async () => {
    const { objects } = await setUp();
    const requires = ['/users/9'];
    const result = await create(objects, '/users/1', {}, { requires });
    expect(result).toEqual({ kind: 'missing', r: '/users/9' });
    expect(await objects.head('/users/1')).toBeUndefined();
  });

  test('of two concurrent creates of one R one succeeds', async () => {
    const { objects } = await setUp();
    const results = [create(objects, '/users/1', { n: 1 }), create(objects, '/users/1', { n: 2 })];
    expect(await outcomes(results)).toEqual(['committed', 'object.already.exist']);
    expect(await objects.head('/users/1')).toMatchObject({ rev: 1, data: { n: 1 } });
  });

  test('a fresh R that turns out to be taken is prepared on what is stored', async () => {
    const { objects, inner } = await setUp();
    await inner.commit([{ writes: [createWrite('/users/1', { n: 1 }, origin)] }]);
    const heads: (number | undefined)[] = [];
    const result = objects.write({
      r: '/users/1',
      fresh: true,
      prepare(head) {
        heads.push(head?.rev);
        if (head) throw fail('object.already.exist');
        return createWrite('/users/1', {}, origin);
      },
    });
    expect(await outcome(result)).toBe('object.already.exist');
    expect(heads).toEqual([undefined, 1]);
  });

  test('[DEL3] a tombstone is read like any other state', async () => {
    const { objects } = await setUp();
    await create(objects, '/users/1', { n: 1 });
    await objects.write({
      r: '/users/1',
      prepare(head) {
        if (!head) throw fail('object.missing');
        return deleteWrite(head, origin);
      },
    });
    expect(await objects.head('/users/1')).toMatchObject({ rev: 2, deleted: true, data: {} });
  });

  test('requests of one object take effect in order, however long each takes to prepare', async () => {
    const { objects } = await setUp();
    await create(objects, '/users/1', { list: [] });
    const append = (value: number, hops: number) =>
      objects.write({
        r: '/users/1',
        async prepare(head) {
          for (let hop = 0; hop < hops; hop++) await settle();
          if (!head) throw fail('object.missing');
          const list = [...(head.data.list as number[]), value];
          return updateWrite(head, { data: { list }, delta: {}, touched: ['list'] }, origin);
        },
      });
    await Promise.all([append(1, 5), append(2, 0), append(3, 2), append(4, 0)]);
    expect(await objects.head('/users/1')).toMatchObject({ data: { list: [1, 2, 3, 4] } });
  });

  test('an object that takes long to prepare does not delay others', async () => {
    const { objects } = await setUp();
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow = objects.write({
      r: '/users/1',
      async prepare() {
        await finished;
        return createWrite('/users/1', {}, origin);
      },
    });
    expect(await outcome(create(objects, '/users/2', {}))).toBe('committed');
    finish();
    expect(await outcome(slow)).toBe('committed');
  });

  test('a write that reads another object waits for earlier requests for it', async () => {
    const { objects } = await setUp();
    const seen: (number | undefined)[] = [];
    const slow = objects.write({
      r: '/users/1',
      async prepare() {
        await settle();
        return createWrite('/users/1', {}, origin);
      },
    });
    const looking = objects.write({
      r: '/users/2',
      async prepare(_head, look) {
        const found = await look(['/users/1']);
        seen.push(...found.map((object) => object?.rev));
        return createWrite('/users/2', {}, origin);
      },
    });
    expect(await outcomes([slow, looking])).toEqual(['committed', 'committed']);
    expect(seen).toEqual([1]);
  });

  test('[LIM49] a write that looks for others waits for earlier requests, and finds none that was deleted', async () => {
    const { objects } = await setUp({ limits: { cachedObjects: 1 } });
    const seen: boolean[] = [];
    let id = 10;
    const look = (rs: readonly string[]) => {
      const r = `/users/${id++}`;
      return objects.write({
        r,
        async prepare(_head, _look, areLiving) {
          seen.push(...(await areLiving(rs)));
          return createWrite(r, {}, origin);
        },
      });
    };
    const first = create(objects, '/users/1', {});
    await Promise.all([first, look(['/users/1', '/users/2'])]);
    await look(['/users/1']);
    await objects.write({
      r: '/users/1',
      prepare: (head) => (head ? deleteWrite(head, origin) : expect.unreachable()),
    });
    await create(objects, '/users/2', {});
    await look(['/users/1', '/users/2']);
    expect(seen).toEqual([true, false, true, false, true]);
  });

  test('[LIM45] a commit holds fewer writes if these have many references', async () => {
    const { objects, store } = await setUp({ limits: { commitBytes: 1_000_000 } });
    await create(objects, '/users/1', {});
    store.hold();
    const first = create(objects, '/users/2', {});
    await store.held();
    const updates = Array.from({ length: 6 }, () =>
      objects.write({
        r: '/users/1',
        prepare: (head) => {
          if (!head) throw fail('object.missing');
          const updated = { data: {}, delta: {}, touched: [], keptReferences: 3000 };
          return updateWrite(head, updated, origin);
        },
      }),
    );
    const requires = Array.from({ length: 800 }, () => '/users/1');
    const creates = [3, 4, 5, 6].map((id) => create(objects, `/users/${id}`, {}, { requires }));
    await settle();
    store.release();
    await Promise.all([first, ...updates, ...creates]);
    expect(store.commits.slice(2).map((rs) => rs.length)).toEqual([2, 2, 2, 2, 2]);
  });

  test("writes that read each other's objects do not deadlock", async () => {
    const { objects } = await setUp();
    const rs = ['/users/1', '/users/2', '/users/3'];
    const write = (r: string) =>
      objects.write({
        r,
        async prepare(head, look) {
          await look(rs);
          const data = { n: Number(head?.data.n ?? 0) + 1 };
          if (!head) return createWrite(r, data, origin);
          return updateWrite(head, { data, delta: {}, touched: ['n'] }, origin);
        },
      });
    await Promise.all(Array.from({ length: 60 }, (_, i) => write(rs[i % 3] ?? '')));
    const heads = await objects.heads(rs);
    expect(heads.map((head) => head?.data.n)).toEqual([20, 20, 20]);
  });

  test('[ENV4] writes with one order key are committed in order, however long each takes to prepare', async () => {
    const { objects, store } = await setUp();
    const orderKey = { owner: {}, name: '/users/*' };
    const write = (id: number, hops: number, inLane = orderKey) =>
      objects.write({
        r: `/users/${id}`,
        fresh: true,
        orderKey: inLane,
        async prepare() {
          for (let hop = 0; hop < hops; hop++) await settle();
          if (id === 2) throw fail('forbidden');
          return createWrite(`/users/${id}`, {}, origin);
        },
      });
    const other = { owner: {}, name: '/users/*' };
    const writes = [write(1, 6), write(2, 3), write(3, 0), write(4, 2), write(5, 0, other)];
    expect(await outcomes(writes)).toEqual([
      'committed',
      'forbidden',
      'committed',
      'committed',
      'committed',
    ]);
    const order = ['/users/5@1', '/users/1@1', '/users/3@1', '/users/4@1'];
    expect(store.commits.flat()).toEqual(order);
  });
});

describe('a store with other writers', () => {
  test('a write that loses a conflict is retried on what the other writer stored', async () => {
    const { objects, inner } = await setUp({ isSoleWriter: false });
    await create(objects, '/users/1', { n: 0 });
    const stored = await inner.get('/users/1');
    if (!stored) throw new Error('it is stored');
    await inner.commit([
      { writes: [updateWrite(stored, { data: { n: 50 }, delta: {}, touched: ['n'] }, origin)] },
    ]);
    expect(await objects.head('/users/1')).toMatchObject({ rev: 2 });
    expect(await outcome(add(objects, '/users/1', 1))).toBe('committed');
    expect(await objects.head('/users/1')).toMatchObject({ rev: 3, data: { n: 51 } });
  });

  test('conflicts lost too often end with 503', async () => {
    const { objects, inner } = await setUp({ isSoleWriter: false, limits: { conflictRetries: 3 } });
    await create(objects, '/users/1', { n: 0 });
    let attempts = 0;
    const result = objects.write({
      r: '/users/1',
      async prepare(head) {
        attempts += 1;
        if (!head) throw fail('object.missing');
        const write = updateWrite(head, { data: {}, delta: {}, touched: [] }, origin);
        await inner.commit([{ writes: [write] }]);
        return write;
      },
    });
    expect(await outcome(result)).toBe('server.unavailable');
    expect(attempts).toBe(4);
  });

  test('no write builds on an uncommitted one', async () => {
    const { objects, store } = await setUp({ isSoleWriter: false });
    await create(objects, '/users/1', { n: 0 });
    await Promise.all([1, 2, 3].map((n) => add(objects, '/users/1', n)));
    expect(store.commits.map((commit) => commit.length)).toEqual([1, 1, 1, 1]);
  });
});

describe('once', () => {
  const once: OnceKey = { uid: 'u', id: 'a', cmd: 'update', r: '/users/1' };

  test('[ONC1] a command sent again later changes nothing and has the first result', async () => {
    const { objects } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    await add(objects, '/users/1', 1, { once });
    await add(objects, '/users/1', 10);
    const again = await add(objects, '/users/1', 1, { once });
    expect(again).toEqual({
      kind: 'repeated',
      first: { ...once, results: [{ r: '/users/1', rev: 2 }] },
    });
    expect(await objects.head('/users/1')).toMatchObject({ rev: 3, data: { n: 11 } });
  });

  test('[ONC1] of identical concurrent commands one is carried out', async () => {
    const { objects } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    const results = [1, 2, 3, 4].map(() => add(objects, '/users/1', 1, { once }));
    expect((await outcomes(results)).sort()).toEqual([
      'committed',
      'repeated',
      'repeated',
      'repeated',
    ]);
    expect(await objects.head('/users/1')).toMatchObject({ rev: 2, data: { n: 1 } });
  });

  test('[ONC3] a refused command is not remembered, and one that waited for it is carried out', async () => {
    const { objects } = await setUp();
    const results = [add(objects, '/users/1', 1, { once }), add(objects, '/users/1', 1, { once })];
    expect(await outcomes(results)).toEqual(['object.missing', 'object.missing']);
    await create(objects, '/users/1', { n: 0 });
    expect(await outcome(add(objects, '/users/1', 1, { once }))).toBe('committed');
  });

  test('[ONC1] the ids of one user are not those of another', async () => {
    const { objects } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    await add(objects, '/users/1', 1, { once });
    const other = { ...once, uid: 'v' };
    expect(await outcome(add(objects, '/users/1', 1, { once: other }))).toBe('committed');
  });

  test('[ONC1] the check at the commit is decisive', async () => {
    const { objects, inner } = await setUp();
    await create(objects, '/users/1', { n: 0 });
    const result = objects.write({
      r: '/users/2',
      once,
      async prepare() {
        // Another node was faster.
        await inner.commit([{ writes: [createWrite('/users/3', {}, origin)], once }]);
        return createWrite('/users/2', {}, origin);
      },
    });
    expect(await outcome(result)).toBe('repeated');
    expect(await objects.head('/users/2')).toBeUndefined();
  });
});

describe('the object cache', () => {
  test('objects beyond the maximum leave the cache and are read from the store again', async () => {
    const { objects, store } = await setUp({ limits: { cachedObjects: 2 } });
    for (const id of [1, 2, 3]) await create(objects, `/users/${id}`, { n: id });
    store.unreadable = true;
    expect(await objects.head('/users/3')).toMatchObject({ data: { n: 3 } });
    await expect(objects.head('/users/1')).rejects.toMatchObject({ code: 503 });
    store.unreadable = false;
    expect(await objects.head('/users/1')).toMatchObject({ data: { n: 1 } });
  });

  test('objects beyond the maximum bytes leave the cache', async () => {
    const { objects, store } = await setUp({ limits: { cacheBytes: 20_000 } });
    const text = 'x'.repeat(8000);
    for (const id of [1, 2, 3]) await create(objects, `/users/${id}`, { text });
    store.unreadable = true;
    await expect(objects.head('/users/1')).rejects.toMatchObject({ code: 503 });
    expect(await objects.head('/users/3')).toMatchObject({ rev: 1 });
  });

  test('[GET8] a load overtaken by a commit does not bring back the old state', async () => {
    const { objects, store, inner } = await setUp({ limits: { cachedObjects: 1 } });
    await create(objects, '/users/1', { n: 0 });
    await create(objects, '/users/2', {});
    let letGo = () => {};
    const slow = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const get = store.get;
    store.get = async (r) => {
      const object = await inner.get(r);
      await slow;
      return object;
    };
    const early = objects.head('/users/1');
    store.get = get;
    await objects.write({
      r: '/users/1',
      fresh: true,
      async prepare() {
        const head = await inner.get('/users/1');
        if (!head) throw fail('object.missing');
        return updateWrite(head, { data: { n: 1 }, delta: {}, touched: ['n'] }, origin);
      },
    });
    letGo();
    await early;
    expect(await objects.head('/users/1')).toMatchObject({ rev: 2, data: { n: 1 } });
  });

  test('objects come in the order requested, each loaded once', async () => {
    const { objects, store } = await setUp({ limits: { cachedObjects: 1 } });
    for (const id of [1, 2, 3]) await create(objects, `/users/${id}`, { n: id });
    const asked: string[][] = [];
    const { getMany } = store;
    store.getMany = async (rs) => {
      asked.push([...rs]);
      return await getMany(rs);
    };
    const rs = ['/users/3', '/users/1', '/users/9', '/users/1', '/users/2'];
    const found = await objects.heads(rs);
    expect(found.map((object) => object?.data.n)).toEqual([3, 1, undefined, 1, 2]);
    expect(asked).toEqual([['/users/1', '/users/9', '/users/2']]);
  });

  test('with a pause, those that are not all in memory are loaded one after the other', async () => {
    const { objects, store } = await setUp({ limits: { cachedObjects: 2 } });
    for (const id of [1, 2, 3]) await create(objects, `/users/${id}`, { n: id });
    const steps: string[] = [];
    const { get } = store;
    store.get = async (r) => {
      steps.push(r);
      return await get(r);
    };
    const pause = async () => {
      steps.push('pause');
    };
    const heads = async (...ids: number[]) => {
      const found = await objects.heads(
        ids.map((id) => `/users/${id}`),
        pause,
      );
      return found.map((object) => object?.data.n);
    };
    expect(await heads(1, 9, 1)).toEqual([1, undefined, 1]);
    expect(steps.splice(0)).toEqual(['/users/1', 'pause', '/users/9', 'pause', 'pause']);
    expect(await heads(1, 3)).toEqual([1, 3]);
    expect(steps).toEqual([]);
  });

  test('[ONC6] published() waits until what a commit has begun to write is answered and published', async () => {
    const { objects, store, bus } = await setUp();
    await objects.published();
    const order: string[] = [];
    bus.listen((changes) => order.push(...changes.map(({ r }) => `published ${r}`)));
    store.hold();
    const first = create(objects, '/users/1', {}).then(() => order.push('answered /users/1'));
    await store.held();
    const published = objects.published().then(() => order.push('over'));
    // A write of the next commit, for which `published` need not wait.
    const second = create(objects, '/users/2', {}).then(() => order.push('answered /users/2'));
    await settle();
    expect(order).toEqual([]);
    store.release();
    await Promise.all([first, published, second]);
    const ofFirst = order.filter((event) => event === 'over' || event.endsWith('/users/1'));
    expect(ofFirst).toEqual(['answered /users/1', 'published /users/1', 'over']);
    store.failNext(new StoreUnavailable('full'));
    await expect(create(objects, '/users/3', {})).rejects.toThrow();
    await objects.published();
  });

  test('[ONC5] each published change of a command carries its once-id', async () => {
    const { objects, publishedChanges } = await setUp();
    const once = { uid: 'u', id: 'k', cmd: 'create', r: '/users/*' };
    await create(objects, '/users/1', {}, { once });
    await create(objects, '/users/2', {});
    await objects.drain();
    expect(publishedChanges.map(({ r, once: id }) => [r, id])).toEqual([
      ['/users/1', 'k'],
      ['/users/2', undefined],
    ]);
  });

  test('[SES12] draining waits for writes in progress and for their publishing', async () => {
    const { objects, store, publishedChanges } = await setUp();
    store.hold();
    const result = create(objects, '/users/1', {});
    let drained = false;
    const draining = objects.drain().then(() => {
      drained = true;
    });
    await store.held();
    await settle();
    expect(drained).toBe(false);
    store.release();
    await draining;
    expect(publishedChanges.map(({ rev }) => rev)).toEqual([1]);
    await result;
  });
});

test('[LIM45] work on large objects is done one in a turn of the event loop, one owner after the other', async () => {
  const { objects } = await setUp();
  const order: string[] = [];
  let turns = 0;
  const work = async (owner: string, name: string) => {
    await objects.largeTurn(owner);
    order.push(`${name} ${turns}`);
  };
  const all = [work('a', 'a1'), work('a', 'a2'), work('a', 'a3'), work('b', 'b1')];
  let isOver = false;
  const count = async () => {
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
  };
  const counting = count();
  await Promise.all(all);
  isOver = true;
  await counting;
  expect(order.map((entry) => entry.split(' ')[0])).toEqual(['a1', 'b1', 'a2', 'a3']);
  expect(new Set(order.map((entry) => entry.split(' ')[1])).size).toBeGreaterThanOrEqual(3);
});
