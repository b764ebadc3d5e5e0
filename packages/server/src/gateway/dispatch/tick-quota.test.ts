import { expect, test } from 'vitest';
import { TickQuota } from './tick-quota.js';

/** A share whose turns are taken by hand. */
function shareOf(most: number) {
  const tasks: (() => void)[] = [];
  const share = new TickQuota({ limit: most, schedule: (task) => tasks.push(task) });
  const turn = () => {
    for (const task of tasks.splice(0)) task();
  };
  return { share, turn, tasks };
}

test('[HOST7] so many in one turn, and as many again in the next', () => {
  const { share, turn, tasks } = shareOf(2);
  expect([share.take(), share.take(), share.take()]).toEqual([true, true, false]);
  turn();
  expect([share.take(), share.take(), share.take()]).toEqual([true, true, false]);
  turn();
  expect(tasks).toEqual([]);
});

test('[HOST7] who waits comes in turn, and behind the others again where its share was not enough', () => {
  const { share, turn, tasks } = shareOf(2);
  const done: string[] = [];
  const waiter = (name: string, messages: number) => ({
    proceed() {
      for (; messages > 0; messages--) {
        if (!share.take()) return share.wait(this);
        done.push(name);
      }
    },
  });
  for (const one of [waiter('a', 3), waiter('b', 1), waiter('c', 1)]) share.wait(one);
  expect(share.waiting).toBe(3);
  turn();
  expect(done.join('')).toBe('aa');
  turn();
  expect(done.join('')).toBe('aabc');
  turn();
  expect(done.join('')).toBe('aabca');
  expect(share.waiting).toBe(0);
  turn();
  expect(tasks).toEqual([]);
});
