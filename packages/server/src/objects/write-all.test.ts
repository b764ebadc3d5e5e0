import { fail, type JsonObject, ProtocolError } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { CommittedChange, StoredObject } from '../store/stored-object.js';
import { createWrite, updateWrite, type WriteOrigin } from './change.js';
import { controlled } from './controlled-store.fixture.js';
import { Objects } from './objects.js';
import type { PreparedWrite, WriteAllResult, WriteRequest } from './write-request.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };

async function setUp({ isSoleWriter = true } = {}) {
  const platform = simulatedPlatform({ seed: 1 });
  const inner = openMemoryStore({}, platform);
  await inner.prepare([
    { names: ['users'], indexes: [{ fields: ['email'], unique: true }], retention: {} },
  ]);
  const store = controlled(inner);
  Object.assign(store, { isSoleWriter });
  const bus = localBus();
  const publishedChanges: CommittedChange[] = [];
  const publishedCommits: string[][] = [];
  bus.listen((changes) => {
    publishedChanges.push(...changes);
    publishedCommits.push(changes.map(({ r, rev }) => `${r}@${rev}`));
  });
  const limits = { conflictRetries: 2, commitBytes: 50_000 };
  const objects = new Objects({ store, bus, platform, log: silentLog, limits });
  return { platform, inner, store, publishedChanges, publishedCommits, objects };
}

/** Creates an object. */
function create(r: string, data: JsonObject = { n: 0 }, requires: string[] = []): WriteRequest {
  return {
    r,
    async prepare(head, look) {
      if (head) throw fail('object.already.exist');
      const found = await look(requires);
      if (found.some((object) => !object || object.deleted)) throw fail('object.parent.missing');
      return createWrite(r, data, { ...origin, requires });
    },
  };
}

/** Adds to `n`; refused where the sum exceeds 100. */
function add(r: string, n: number, members: JsonObject = {}): WriteRequest {
  return {
    r,
    prepare(head: StoredObject | undefined): PreparedWrite {
      if (!head) throw fail('object.missing');
      const sum = Number(head.data.n) + n;
      if (sum > 100) throw fail('forbidden');
      const data = { ...head.data, ...members, n: sum };
      return updateWrite(head, { data, delta: {}, touched: ['n'] }, origin);
    },
  };
}

const [a, b, c] = ['/users/a', '/users/b', '/users/c'] as const;

const revs = (result: WriteAllResult) =>
  result.kind === 'committed' ? result.writes.map(({ object }) => object.rev) : result;

function refusal(result: WriteAllResult): unknown {
  if (result.kind !== 'refused') return result;
  const { index, error } = result;
  return [index, error instanceof ProtocolError ? error.message : String(error)];
}

describe('a batch', () => {
  test('is one group of one commit, and published in its order', async () => {
    const { objects, store, publishedCommits } = await setUp();
    const result = await objects.writeAll([create(b), create(a), add(b, 5), add(b, 5)]);
    await objects.drain();
    expect(revs(result)).toEqual([1, 1, 2, 3]);
    expect(store.commits).toEqual([[`${b}@1`, `${a}@1`, `${b}@2`, `${b}@3`]]);
    expect(publishedCommits).toEqual(store.commits);
    expect(await objects.head(b)).toMatchObject({ rev: 3, data: { n: 10 } });
  });

  test('sees its own writes: states, parents and references', async () => {
    const { objects } = await setUp();
    const child = create('/users/a/posts/1', {}, [a]);
    expect(revs(await objects.writeAll([create(a), child]))).toEqual([1, 1]);
    const early = [create('/users/b/posts/1', {}, [b]), create(b)];
    expect(refusal(await objects.writeAll(early))).toEqual([0, 'object.parent.missing']);
  });

  test('writes nothing where a request is refused, and reports which', async () => {
    const { objects, inner, publishedChanges } = await setUp();
    await objects.writeAll([create(a)]);
    const result = await objects.writeAll([add(a, 60), create(b), add(a, 60), create(c)]);
    expect(refusal(result)).toEqual([2, 'forbidden']);
    await objects.drain();
    expect(await objects.heads([a, b, c])).toEqual([await inner.get(a), undefined, undefined]);
    expect(publishedChanges).toHaveLength(1);
    expect(revs(await objects.writeAll([add(a, 1)]))).toEqual([2]);
  });

  test('reports what the commit finds, and for which request', async () => {
    const { objects, publishedChanges } = await setUp();
    await objects.writeAll([create(a, { n: 0, email: 'x' })]);
    const clash = await objects.writeAll([create(b), add(b, 1, { email: 'x' })]);
    expect(clash).toEqual({ kind: 'unique', fields: ['email'], index: 1 });
    const missing: WriteRequest = {
      r: c,
      prepare: () => createWrite(c, {}, { ...origin, requires: ['/users/none'] }),
    };
    const result = await objects.writeAll([add(a, 1), missing]);
    expect(result).toEqual({ kind: 'missing', r: '/users/none', index: 1 });
    await objects.drain();
    expect(publishedChanges).toHaveLength(1);
    expect(await objects.heads([b, c])).toEqual([undefined, undefined]);
  });

  test('[DUR5] yields to others when it takes long to prepare', async () => {
    const { objects, platform } = await setUp();
    const seen: number[] = [];
    let turns = 0;
    let over = false;
    const count = () => {
      turns += 1;
      if (!over) setImmediate(count);
    };
    count();
    const slow = (milliseconds: number): WriteRequest => {
      const inner = add(a, 1);
      return {
        ...inner,
        prepare: (head, ...reads) => {
          seen.push(turns);
          platform.advance(milliseconds);
          return inner.prepare(head, ...reads);
        },
      };
    };
    await objects.writeAll([create(a), ...[1, 1, 10, 1, 10, 1].map(slow)]);
    over = true;
    const [first = 0] = seen;
    const waits = seen.slice(1).map((turn, index) => turn > (seen[index] ?? first));
    expect(waits).toEqual([false, false, true, false, true]);
  });

  test('writes no more than one commit may hold, unless it is a single write', async () => {
    const { objects, publishedChanges } = await setUp();
    const large = { n: 0, text: 'x'.repeat(30_000) };
    const two = await objects.writeAll([create(a), create(b, large), create(c, large)]);
    expect(two).toEqual({ kind: 'too-large' });
    const huge = { n: 0, text: 'x'.repeat(100_000) };
    expect(revs(await objects.writeAll([create(a, huge)]))).toEqual([1]);
    await objects.drain();
    expect(publishedChanges.map(({ r }) => r)).toEqual([a]);
  });

  test('without requests is committed at once', async () => {
    const { objects, store } = await setUp();
    expect(await objects.writeAll([])).toEqual({ kind: 'committed', writes: [] });
    expect(store.commits).toEqual([]);
  });

  test('may write system records together with objects of the app', async () => {
    const { objects } = await setUp();
    await objects.writeAll([create('/_accounts/1'), create(a)]);
    expect(await objects.head('/_accounts/1')).toMatchObject({ rev: 1 });
  });
});

describe('order', () => {
  test('writes before and after a batch keep their order with it', async () => {
    const { objects, store } = await setUp();
    await objects.writeAll([create(a), create(b)]);
    store.hold();
    const results = [
      objects.write(add(a, 1)),
      objects.writeAll([add(b, 10), add(a, 10)]),
      objects.write(add(b, 100)),
      objects.write(add(a, 90)),
    ].map(async (result) => {
      try {
        return (await result).kind;
      } catch (error) {
        return (error as Error).message;
      }
    });
    await store.held();
    store.release();
    expect(await Promise.all(results)).toEqual([
      'committed',
      'committed',
      'forbidden',
      'forbidden',
    ]);
    expect(await objects.heads([a, b])).toMatchObject([{ data: { n: 11 } }, { data: { n: 10 } }]);
  });

  test('batches over the same objects in any order do not deadlock', async () => {
    const { objects } = await setUp();
    await objects.writeAll([create(a), create(b), create(c)]);
    const orders = [
      [a, b],
      [b, a],
      [c, b, a],
      [b, c],
      [a, c, a],
    ];
    const results = orders.map((rs) => objects.writeAll(rs.map((r) => add(r, 1))));
    const kinds = (await Promise.all(results)).map(({ kind }) => kind);
    expect(kinds).toEqual(orders.map(() => 'committed'));
    const heads = await objects.heads([a, b, c]);
    expect(heads.map((head) => head?.data.n)).toEqual([5, 4, 3]);
  });

  test('a write that reads an object of an earlier batch waits for the batch', async () => {
    const { objects, store } = await setUp();
    store.hold();
    const batch = objects.writeAll([create(b), create(a)]);
    const child = objects.write(create('/users/a/posts/1', {}, [a]));
    await store.held();
    store.release();
    expect((await batch).kind).toBe('committed');
    expect((await child).kind).toBe('committed');
  });

  test('writes with one order key are committed in order', async () => {
    const { objects, publishedChanges } = await setUp();
    const orderKey = { owner: {}, name: '/users/*' };
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const slow = create(a);
    const results = [
      objects.write({
        ...slow,
        orderKey,
        async prepare(head, ...reads) {
          await begun;
          return await slow.prepare(head, ...reads);
        },
      }),
      objects.writeAll([
        { ...create(b), orderKey },
        { ...create('/users/b2'), orderKey },
      ]),
      objects.write({ ...create(c), orderKey }),
    ];
    begin();
    await Promise.all(results);
    await objects.drain();
    expect(publishedChanges.map(({ r }) => r)).toEqual([a, b, '/users/b2', c]);
  });
});

describe('failures', () => {
  test('[DUR6] a batch whose commit failed is answered with 503, and nothing builds on it', async () => {
    const { objects, store } = await setUp();
    await objects.writeAll([create(a), create(b)]);
    store.failNext(new StoreUnavailable('full'));
    const batch = objects.writeAll([add(a, 1), add(b, 1)]);
    const behind = objects.write(add(a, 5));
    await expect(batch).rejects.toThrow('server.unavailable');
    expect(await behind).toMatchObject({
      kind: 'committed',
      write: { object: { data: { n: 5 } } },
    });
    expect(await objects.head(b)).toMatchObject({ rev: 1 });
  });

  test('an unexpected failure is reported, and the next batch reads from the store', async () => {
    const { objects, store, inner } = await setUp();
    await objects.writeAll([create(a), create(b)]);
    store.failNext(new Error('a bug'));
    await expect(objects.writeAll([add(a, 1), add(b, 1)])).rejects.toThrow('a bug');
    const stored = await inner.get(a);
    if (!stored) throw new Error('it is stored');
    const elsewhere = updateWrite(stored, { data: { n: 50 }, delta: {}, touched: [] }, origin);
    await inner.commit([{ writes: [elsewhere] }]);
    expect(revs(await objects.writeAll([add(a, 1), add(b, 1)]))).toEqual([3, 2]);
  });

  test('where the store cannot be read it is 503, and the queues are free again', async () => {
    const { objects, store, inner } = await setUp();
    const elsewhere = createWrite(a, { n: 1 }, origin);
    await inner.commit([{ writes: [elsewhere] }]);
    store.unreadable = true;
    await expect(objects.writeAll([add(a, 1)])).rejects.toThrow('server.unavailable');
    store.unreadable = false;
    expect(revs(await objects.writeAll([add(a, 1)]))).toEqual([2]);
  });

  test('a conflict lost to another node is retried on what is stored, a bounded number of times', async () => {
    const { objects, inner } = await setUp({ isSoleWriter: false });
    await objects.writeAll([create(a), create(b)]);
    const interfere = async (times: number) => {
      let left = times;
      const mine = add(b, 1);
      return await objects.writeAll([
        add(a, 1),
        {
          ...mine,
          async prepare(head, ...reads) {
            const stored = await inner.get(a);
            if (stored && left-- > 0) {
              const data = { n: Number(stored.data.n) + 10 };
              const other = updateWrite(stored, { data, delta: {}, touched: [] }, origin);
              await inner.commit([{ writes: [other] }]);
            }
            return await mine.prepare(head, ...reads);
          },
        },
      ]);
    };
    expect(revs(await interfere(2))).toEqual([4, 2]);
    expect(await objects.head(a)).toMatchObject({ data: { n: 21 } });
    await expect(interfere(3)).rejects.toThrow('server.unavailable');
    expect(await objects.head(b)).toMatchObject({ rev: 2 });
  });
});

describe('once', () => {
  const once = { uid: 'u', id: 'k', cmd: 'batch', r: 'x' };

  test('[ONC1] a batch sent again changes nothing and gets the result of the first', async () => {
    const { objects } = await setUp();
    await objects.writeAll([create(a), create(b)]);
    await objects.writeAll([add(a, 1), add(b, 1)], { once });
    const results = [
      { r: a, rev: 2 },
      { r: b, rev: 2 },
    ];
    const again = await objects.writeAll([add(a, 1), add(b, 1)], { once });
    expect(again).toEqual({ kind: 'repeated', first: { ...once, results } });
    expect(await objects.head(a)).toMatchObject({ rev: 2 });
  });

  test('[ONC1] of two identical concurrent batches one is carried out; a refusal is not remembered', async () => {
    const { objects } = await setUp();
    const refused = await Promise.all([
      objects.writeAll([create(b), add(a, 1)], { once }),
      objects.writeAll([create(b), add(a, 1)], { once }),
    ]);
    expect(refused.map(refusal)).toEqual([
      [1, 'object.missing'],
      [1, 'object.missing'],
    ]);
    await objects.writeAll([create(a)]);
    const [first, second] = await Promise.all([
      objects.writeAll([create(b), add(a, 1)], { once }),
      objects.writeAll([create(b), add(a, 1)], { once }),
    ]);
    expect(revs(first)).toEqual([1, 2]);
    expect(second).toMatchObject({
      kind: 'repeated',
      first: {
        results: [
          { r: b, rev: 1 },
          { r: a, rev: 2 },
        ],
      },
    });
  });
});

describe('side writes', () => {
  const entry = (id: number) => createWrite(`/_outbox/${id}`, { to: 'x' }, origin);
  const bringing = (request: WriteRequest, ...ids: number[]): WriteRequest => ({
    ...request,
    prepare: async (head, ...reads) => ({
      ...(await request.prepare(head, ...reads)),
      sideWrites: ids.map(entry),
    }),
  });

  test('are committed with a single write, and published', async () => {
    const { objects, store, publishedCommits } = await setUp();
    const result = await objects.write(bringing(create(a), 1, 2));
    await objects.drain();
    expect(result).toMatchObject({ kind: 'committed', pos: 1 });
    expect(store.commits).toEqual([[`${a}@1`, '/_outbox/1@1', '/_outbox/2@1']]);
    expect(publishedCommits).toEqual(store.commits);
    expect(await objects.head('/_outbox/2')).toMatchObject({ rev: 1, data: { to: 'x' } });
  });

  test('are not stored when the write is refused', async () => {
    const { objects, inner } = await setUp();
    await objects.write(create(a, { n: 0, email: 'x' }));
    const result = await objects.write(bringing(create(b, { n: 0, email: 'x' }), 1));
    expect(result).toEqual({ kind: 'unique', fields: ['email'] });
    expect(await inner.get('/_outbox/1')).toBeUndefined();
  });

  test('come after the writes of a batch, and what the commit finds in them is reported for the request that has them', async () => {
    const { objects, store, inner } = await setUp();
    const once = { uid: 'u', id: 'k', cmd: 'batch', r: 'x' };
    await objects.writeAll([bringing(create(a), 1), bringing(create(b), 2)], { once });
    expect(store.commits).toEqual([[`${a}@1`, `${b}@1`, '/_outbox/1@1', '/_outbox/2@1']]);
    expect((await inner.once('u', 'k'))?.results.slice(0, 2)).toEqual([
      { r: a, rev: 1 },
      { r: b, rev: 1 },
    ]);
    const needy = bringing(create(c));
    const result = await objects.writeAll([
      add(a, 1),
      {
        ...needy,
        prepare: async (head, ...reads) => ({
          ...(await needy.prepare(head, ...reads)),
          sideWrites: [createWrite('/_outbox/3', {}, { ...origin, requires: ['/_outbox/none'] })],
        }),
      },
    ]);
    expect(result).toEqual({ kind: 'missing', r: '/_outbox/none', index: 1 });
    expect(await inner.getMany([c, '/_outbox/3'])).toEqual([undefined, undefined]);
  });
});
