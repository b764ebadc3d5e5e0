import { expect, test } from 'vitest';
import { TurnSlice } from '../platform/turn-slice.js';
import { Activity } from './activity.js';
import { Fifo } from './fifo.js';
import { Turns } from './turns.js';

test('[DUR5] so many at once, so many of one owner, and everybody in turn', async () => {
  const activity = new Activity();
  const slice = new TurnSlice({ monotonic: () => 0 });
  const turns = new Turns({ atOnce: 3, each: 2 }, { activity, slice });
  const running: string[] = [];
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const task = (name: string) => async () => {
    begun.push(name);
    running.push(name);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    running.splice(running.indexOf(name), 1);
  };
  const [greedy, modest] = [{}, {}];
  for (const index of [1, 2, 3, 4]) turns.run(greedy, task(`g${index}`));
  turns.run(modest, task('m1'));
  turns.run(modest, task('m2'));
  expect(begun).toEqual(['g1', 'g2', 'm1']);
  expect(turns.waiting).toBe(3);
  let settled = false;
  const done = activity.settled().then(() => {
    settled = true;
  });
  for (const name of ['m1', 'g1', 'g2', 'm2', 'g3', 'g4']) {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(running.length).toBeLessThanOrEqual(3);
    expect(running.filter((one) => one.startsWith('g')).length).toBeLessThanOrEqual(2);
  }
  expect(begun).toEqual(['g1', 'g2', 'm1', 'm2', 'g3', 'g4']);
  await done;
  expect(settled).toBe(true);
  expect([turns.owners, turns.waiting]).toEqual([0, 0]);
});

test('a queue gives back in order what it was given', () => {
  const queue = new Fifo<number>();
  const out: (number | undefined)[] = [];
  for (let item = 0; item < 500; item++) {
    queue.push(item);
    if (item % 3 > 0) out.push(queue.shift());
  }
  while (queue.size > 0) out.push(queue.shift());
  expect(out).toEqual(Array.from({ length: 500 }, (_, index) => index));
  expect(queue.shift()).toBeUndefined();
});
