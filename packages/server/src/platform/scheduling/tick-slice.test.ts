import { setImmediate as nextTick } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TickSlice } from './tick-slice.js';

/** Work that takes 3 ms at a time, and rests before each time. */
function workers(time: number) {
  let now = 0;
  const slice = new TickSlice({ monotonic: () => now }, time);
  const done: string[] = [];
  const work = async (name: string, owner: string | undefined, times: number) => {
    for (let n = 0; n < times; n++) {
      await slice.rest(owner);
      done.push(name);
      now += 3;
    }
  };
  return { slice, done, work };
}

test('[LIM43] what rests goes on in the next tick, as much as there is time for, one of each owner in turn', async () => {
  const { done, work } = workers(8);
  const all = Promise.all([
    ...[1, 2, 3, 4, 5].map((n) => work(`a${n}`, 'a', 1)),
    work('b1', 'b', 1),
  ]);
  expect(done).toEqual([]);
  await nextTick();
  expect(done).toEqual(['a1', 'b1', 'a2']);
  await all;
  expect(done.slice(3)).toEqual(['a3', 'a4', 'a5']);
});

test('[LIM43] one goes on in each tick, whatever else took its time, and none twice in a tick', async () => {
  const { done, work } = workers(1);
  const all = Promise.all([work('x', 'a', 2), work('y', 'a', 2)]);
  await nextTick();
  expect(done).toEqual(['x']);
  await all;
  expect(done).toEqual(['x', 'y', 'x', 'y']);
  const endless = workers(Number.POSITIVE_INFINITY);
  void endless.work('z', 'a', 3);
  await nextTick();
  expect(endless.done).toEqual(['z']);
});

test('[LIM43] work of the server itself goes on in the next tick, however many clients have work that rests', async () => {
  const { done, work } = workers(1);
  const clients = Array.from({ length: 100 }, (_, n) => work(`a${n}`, `a${n}`, 1));
  const own = [work('own1', undefined, 2), work('own2', undefined, 1)];
  await nextTick();
  expect(done).toEqual(['own1', 'own2', 'a0']);
  await own[0];
  expect(done.length).toBeLessThan(10);
  await Promise.all([...clients, ...own]);
});
