import { expect, test } from 'vitest';
import { TickQuota } from './tick-quota.js';

/** A quota whose ticks the test runs by hand. */
function quotaOf(limit: number) {
  const tasks: (() => void)[] = [];
  const quota = new TickQuota(limit, (task) => tasks.push(task));
  const tick = () => {
    for (const task of tasks.splice(0)) task();
  };
  return { quota, tick, tasks };
}

test('[HOST7] each tick has the same quota', () => {
  const { quota, tick, tasks } = quotaOf(2);
  expect([quota.take(), quota.take(), quota.take()]).toEqual([true, true, false]);
  tick();
  expect([quota.take(), quota.take(), quota.take()]).toEqual([true, true, false]);
  tick();
  expect(tasks).toEqual([]);
});

test('an infinite quota asks for no ticks', () => {
  const { quota, tasks } = quotaOf(Number.POSITIVE_INFINITY);
  expect([quota.take(), quota.take()]).toEqual([true, true]);
  expect(tasks).toEqual([]);
});

test('[HOST7] waiters proceed in order, and queue up again when their quota is used up', () => {
  const { quota, tick, tasks } = quotaOf(2);
  const done: string[] = [];
  const waiter = (name: string, messages: number) => ({
    proceed() {
      for (; messages > 0; messages--) {
        if (!quota.take()) return quota.wait(this);
        done.push(name);
      }
    },
  });
  for (const each of [waiter('a', 3), waiter('b', 1), waiter('c', 1)]) quota.wait(each);
  expect(quota.waiting).toBe(3);
  tick();
  expect(done.join('')).toBe('aa');
  tick();
  expect(done.join('')).toBe('aabc');
  tick();
  expect(done.join('')).toBe('aabca');
  expect(quota.waiting).toBe(0);
  tick();
  expect(tasks).toEqual([]);
});
