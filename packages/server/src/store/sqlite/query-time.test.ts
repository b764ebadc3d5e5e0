import type { RqlExpression } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Metrics } from '../../platform/metrics.js';
import { Readings } from '../../platform/readings.fixture.js';
import { systemPlatform } from '../../platform/system.js';
import { creation, each, queryOf } from '../contract/sample-writes.js';
import type { Store } from '../store.js';
import { QueryTimeout, StoreUnavailable } from '../store-errors.js';
import { Scratch } from './scratch.fixture.js';

const scratch = Scratch.each();

async function filled(readers: number, objects = 1500, metrics?: Metrics): Promise<Store> {
  const store = await scratch.open({ file: scratch.file(), readers }, systemPlatform, metrics);
  const tags = Array.from({ length: 20 }, (_, n) => `tag${n}`);
  await store.commit(
    each(...Array.from({ length: objects }, (_, n) => creation(`/users/${n}`, { n, tags }))),
  );
  return store;
}

/** Matches nothing, slowly: a hundred searches in the lists of each object. */
const slow: RqlExpression = Array.from({ length: 200 }, (_, n): RqlExpression => {
  return { kind: 'comparison', field: ['tags'], operator: 'contains', value: `none${n}` };
}).reduce((left, right) => ({ kind: 'or', left, right }));

const quick: RqlExpression = {
  kind: 'comparison',
  field: ['_r'],
  operator: '=',
  value: '/users/7',
};
const withJavaScript: RqlExpression = {
  kind: 'and',
  left: { kind: 'comparison', field: ['_r'], operator: '>', value: '/users/' },
  right: slow,
};

describe('[LIM7] a query that takes too long', () => {
  const cases = [
    ['finds nothing', queryOf('users', { filter: slow, timeout: 100 })],
    ['is evaluated in JavaScript', queryOf('users', { filter: withJavaScript, timeout: 100 })],
    [
      'sorts',
      queryOf('users', {
        filter: { kind: 'not', operand: slow },
        order: { keys: [{ field: 'n', descending: false }] },
        timeout: 100,
      }),
    ],
    ['skips', queryOf('users', { filter: slow, skip: 5, timeout: 100 })],
  ] as const;

  test.each(cases)('is stopped in the store: one that %s', async (_what, query) => {
    const store = await filled(1);
    // The only thread is free long before the query could have ended by itself: in one of three attempts, for the machine
    // may be busy.
    let share = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3 && share >= 0.5; attempt++) {
      const whole = performance.now();
      await store.query({ ...query, timeout: 60_000 });
      const needed = performance.now() - whole;
      await expect(store.query(query)).rejects.toThrow(QueryTimeout);
      const began = performance.now();
      expect(await store.query(queryOf('users', { filter: quick }))).toHaveLength(1);
      share = Math.min(share, (performance.now() - began) / needed);
    }
    expect(share).toBeLessThan(0.5);
  });

  test('count too', async () => {
    const store = await filled(1);
    const query = queryOf('users', { filter: slow, timeout: 50 });
    await expect(store.count(query)).rejects.toThrow(QueryTimeout);
  });

  test('[DUR5] does not stop the event loop, nor reads by key, nor writes', async () => {
    const store = await filled(1);
    let running = true;
    const query = store.query(queryOf('users', { filter: slow, timeout: 60_000 }));
    const ended = query.then(() => {
      running = false;
    });
    let turns = 0;
    while (running) {
      await store.get('/users/7');
      if (turns < 5) await store.commit(each(creation(`/notes/${turns}`)));
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    await ended;
    expect(turns).toBeGreaterThan(20);
  });

  test('[DUR5] leaves the other thread to others', async () => {
    const store = await filled(2);
    let running = true;
    const query = store.query(queryOf('users', { filter: slow, timeout: 60_000 }));
    void query.then(() => {
      running = false;
    });
    for (let n = 0; n < 5; n++) {
      expect(await store.query(queryOf('users', { filter: quick }))).toHaveLength(1);
    }
    expect(running).toBe(true);
    await query;
  });

  test('[LIM13] yields to quick reads wherever it runs, and still ends', async () => {
    const store = await filled(2);
    let running = 4;
    const asked = ['a', 'b', 'c', 'd'].map(async (owner) => {
      const requester = { owner, waited: 0 };
      await store.count({ ...queryOf('users', { filter: slow, timeout: 60_000 }), requester });
      running -= 1;
    });
    expect(await store.count(queryOf('users', { filter: quick }))).toBe(1);
    expect(running).toBe(4);
    await Promise.all(asked);
  });

  test('[LIM46] tells what a thread did for its owner, also where it was stopped', async () => {
    const store = await filled(2);
    const times: number[] = [];
    const requester = { owner: 'a', waited: 0, spend: (time: number) => times.push(time) };
    const query = queryOf('users', { filter: slow, timeout: 100 });
    await expect(store.query({ ...query, requester })).rejects.toThrow(QueryTimeout);
    // The thread is free again.
    await Promise.all([1, 2].map(() => store.count(queryOf('users', { filter: quick }))));
    await expect.poll(() => times).toHaveLength(1);
    expect(times[0]).toBeGreaterThan(0);
  });

  test('loses none of those that wait behind it', async () => {
    const metrics = new Readings();
    const levels = () =>
      ['running', 'waiting'].map((name) => metrics.read(`really_store_queries_${name}`));
    const store = await filled(1, 1500, metrics);
    const stopped = [1, 2, 3].map(() =>
      expect(store.query(queryOf('users', { filter: slow, timeout: 60 }))).rejects.toThrow(
        QueryTimeout,
      ),
    );
    const answered = [1, 2, 3, 4].map(() => store.count(queryOf('users', { filter: quick })));
    expect(levels()).toEqual([1, 6]);
    expect(await Promise.all(answered)).toEqual([1, 1, 1, 1]);
    await Promise.all(stopped);
    expect(levels()).toEqual([0, 0]);
  });

  test('a query that waits too long is stopped before it begins', async () => {
    const store = await filled(1);
    const first = store.query(queryOf('users', { filter: slow, timeout: 60_000 }));
    let running = true;
    void first.then(() => {
      running = false;
    });
    const second = store.query(queryOf('users', { filter: quick, timeout: 20 }));
    await expect(second).rejects.toThrow(QueryTimeout);
    expect(running).toBe(true);
    await first;
  });
});

test('a store that closes does not wait for queries', async () => {
  const store = await filled(1);
  const query = store.query(queryOf('users', { filter: slow, timeout: 60_000 }));
  const waiting = store.query(queryOf('users', { filter: slow, timeout: 60_000 }));
  const settled = Promise.allSettled([query, waiting]);
  await store.close();
  for (const result of await settled) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailable) });
  }
});
