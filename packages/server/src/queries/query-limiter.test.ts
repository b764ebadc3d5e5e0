import { describe, expect, test } from 'vitest';
import { Readings } from '../platform/readings.fixture.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { QueryLimiter } from './query-limiter.js';

function setUp(waiting = 256) {
  const platform = simulatedPlatform({ seed: 1 });
  const limits = { queriesAtOnce: 2, queryTime: 5000, inFlight: waiting };
  const metrics = new Readings();
  const slots = new QueryLimiter({ limits, platform, metrics });
  const running: string[] = [];
  const finish = new Map<string, () => void>();
  const run = (uid: string, name: string, address?: string) =>
    slots.run(asking(uid, address), async () => {
      running.push(name);
      await new Promise<void>((resolve) => finish.set(name, resolve));
      return name;
    });
  return { platform, slots, running, finish, run, metrics };
}

/** With an address it is an anonymous one. */
function asking(uid: string, address?: string) {
  const authType = address === undefined ? 'password' : 'anonymous';
  return { auth: { uid, authType, data: {} }, address };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('query slots', () => {
  test('[LIM7] those that run, wait and are refused are counted', async () => {
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

  test('[LIM7] a user runs so many queries at once; the next waits for one of them', async () => {
    const { running, finish, run, slots } = setUp();
    const all = [run('u', 'a'), run('u', 'b'), run('u', 'c'), run('u', 'd')];
    await turn();
    expect(running).toEqual(['a', 'b']);
    finish.get('b')?.();
    await turn();
    expect(running).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c']) finish.get(name)?.();
    await turn();
    finish.get('d')?.();
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
    expect(slots.size).toBe(0);
  });

  test('[LIM7] users do not wait for each other', async () => {
    const { running, run } = setUp();
    void run('u', 'a');
    void run('u', 'b');
    void run('v', 'c');
    await turn();
    expect(running).toEqual(['a', 'b', 'c']);
  });

  test('[LIM7] the anonymous users of an address share theirs, and take turns', async () => {
    const { running, finish, run } = setUp(2);
    const names = ['a', 'b', 'c', 'd'];
    const all = names.map((name) => run('u', name, '::1'));
    all.push(run('v', 'e', '::1'), run('w', 'f', '::2'), run('x', 'g'));
    await turn();
    expect(running).toEqual(['a', 'b', 'f', 'g']);
    finish.get('a')?.();
    await turn();
    finish.get('b')?.();
    await turn();
    expect(running.slice(4)).toEqual(['c', 'e']);
    for (const name of ['c', 'e', 'f', 'g']) finish.get(name)?.();
    await turn();
    finish.get('d')?.();
    await Promise.all(all);
  });

  test('[LIM7] one that waits for too long is refused with 429', async () => {
    const { platform, finish, run, running, slots } = setUp();
    const first = [run('u', 'a'), run('u', 'b')];
    const third = run('u', 'c');
    platform.advance(5000);
    await expect(third).rejects.toMatchObject({
      code: 429,
      message: 'rate.limited',
      meta: { retryAfter: 1 },
    });
    await turn();
    for (const name of ['a', 'b']) finish.get(name)?.();
    await Promise.all(first);
    expect(running).toEqual(['a', 'b']);
    expect(slots.size).toBe(0);
    expect(platform.pending).toBe(0);
  });

  test('[LIM7] one that finds too many waiting is refused at once', async () => {
    const { run } = setUp(1);
    void run('u', 'a');
    void run('u', 'b');
    void run('u', 'c');
    await expect(run('u', 'd')).rejects.toMatchObject({ code: 429 });
  });

  test('a query that fails gives its slot back', async () => {
    const { slots } = setUp();
    await expect(slots.run(asking('u'), () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(slots.size).toBe(0);
  });
});
