import { describe, expect, test } from 'vitest';
import { Budgets } from '../platform/budget.js';
import { Readings } from '../platform/readings.fixture.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { QueryLimiter } from './query-limiter.js';

function setUp(waiting = 256, queryTime = 0) {
  const platform = simulatedPlatform({ seed: 1 });
  const limits = { queriesAtOnce: 2, queryTime: 5000, inFlight: waiting };
  const metrics = new Readings();
  const budgets = new Budgets(metrics);
  const limiter = new QueryLimiter({ limits, rates: { queryTime }, budgets, platform, metrics });
  const running: string[] = [];
  const finish = new Map<string, () => void>();
  const run = (uid: string, name: string, address?: string) =>
    limiter.run(requesterOf(uid, address), async () => {
      running.push(name);
      await new Promise<void>((resolve) => finish.set(name, resolve));
      return name;
    });
  return { platform, limiter, running, finish, run, metrics };
}

/** A requester; anonymous if it has an address. */
function requesterOf(uid: string, address?: string) {
  const authType = address === undefined ? 'password' : 'anonymous';
  return { auth: { uid, authType, data: {} }, address };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('query limiter', () => {
  test('[LIM7] running, waiting and refused queries are counted', async () => {
    const { platform, finish, run, metrics } = setUp(1);
    const levels = () =>
      ['running', 'waiting', 'refused_total'].map((name) => metrics.read(`really_queries_${name}`));
    const [first, , late] = [run('u', 'a'), run('u', 'b'), run('u', 'c')];
    expect(levels()).toEqual([2, 1, 0]);
    await expect(run('u', 'd')).rejects.toMatchObject({ code: 429 });
    platform.advance(5000);
    await expect(late).rejects.toMatchObject({ code: 429 });
    expect(levels()).toEqual([2, 0, 2]);
    finish.get('a')?.();
    await first;
    expect(levels()).toEqual([1, 0, 2]);
  });

  test('[LIM46] an owner whose queries took the threads for long waits, the others do not', async () => {
    const { platform, limiter, running, finish, run, metrics } = setUp(256, 500);
    // Reads of up to a millisecond are free.
    for (let n = 0; n < 10_000; n++) limiter.spend('uid u', 1);
    limiter.spend('uid u', 3001);
    const late = run('u', 'late');
    const other = run('v', 'other');
    await nextTurn();
    expect(running).toEqual(['other']);
    platform.advance(1999);
    await nextTurn();
    expect(running).toEqual(['other']);
    platform.advance(1);
    await nextTurn();
    expect(running).toEqual(['other', 'late']);
    for (const name of running) finish.get(name)?.();
    await Promise.all([late, other]);
    limiter.spend('uid u', 3001);
    await expect(run('u', 'too late')).rejects.toMatchObject({
      code: 429,
      errors: { cmd: ['beyond rate.queryTime'] },
      meta: { retryAfter: 6 },
    });
    expect(metrics.read('really_limit_refused_total rate.queryTime')).toBe(1);
    expect(limiter.size).toBe(0);
  });

  test('[LIM7] a user may run a number of queries at once; the next one waits', async () => {
    const { running, finish, run, limiter } = setUp();
    const all = [run('u', 'a'), run('u', 'b'), run('u', 'c'), run('u', 'd')];
    await nextTurn();
    expect(running).toEqual(['a', 'b']);
    finish.get('b')?.();
    await nextTurn();
    expect(running).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c']) finish.get(name)?.();
    await nextTurn();
    finish.get('d')?.();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
    expect(limiter.size).toBe(0);
  });

  test('[LIM7] users do not wait for each other', async () => {
    const { running, run } = setUp();
    void run('u', 'a');
    void run('u', 'b');
    void run('v', 'c');
    await nextTurn();
    expect(running).toEqual(['a', 'b', 'c']);
  });

  test('[LIM7] the anonymous users of an address share its slots, and take turns', async () => {
    const { running, finish, run } = setUp(2);
    const names = ['a', 'b', 'c', 'd'];
    const all = names.map((name) => run('u', name, '::1'));
    all.push(run('v', 'e', '::1'), run('w', 'f', '::2'), run('x', 'g'));
    await nextTurn();
    expect(running).toEqual(['a', 'b', 'f', 'g']);
    finish.get('a')?.();
    await nextTurn();
    finish.get('b')?.();
    await nextTurn();
    expect(running.slice(4)).toEqual(['c', 'e']);
    for (const name of ['c', 'e', 'f', 'g']) finish.get(name)?.();
    await nextTurn();
    finish.get('d')?.();
    await Promise.all(all);
  });

  test('[LIM7] a query that waits too long is refused with 429', async () => {
    const { platform, finish, run, running, limiter } = setUp();
    const first = [run('u', 'a'), run('u', 'b')];
    const third = run('u', 'c');
    platform.advance(5000);
    await expect(third).rejects.toMatchObject({
      code: 429,
      message: 'rate.limited',
      meta: { retryAfter: 1 },
    });
    await nextTurn();
    for (const name of ['a', 'b']) finish.get(name)?.();
    await Promise.all(first);
    expect(running).toEqual(['a', 'b']);
    expect(limiter.size).toBe(0);
    expect(platform.pending).toBe(0);
  });

  test('[LIM7] a query is refused at once if too many are waiting', async () => {
    const { run } = setUp(1);
    void run('u', 'a');
    void run('u', 'b');
    void run('u', 'c');
    await expect(run('u', 'd')).rejects.toMatchObject({ code: 429 });
  });

  test('a failed query returns its slot', async () => {
    const { limiter } = setUp();
    await expect(
      limiter.run(requesterOf('u'), () => Promise.reject(new Error('x'))),
    ).rejects.toThrow('x');
    expect(limiter.size).toBe(0);
  });
});
