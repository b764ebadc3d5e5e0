import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairQueue } from './fair-queue.js';

test('[LIM13] owners are served in turn, and their own items in order', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.push(item.slice(0, 1), item);
  queue.delete('c', 'c1');
  queue.delete('c', 'c1');
  queue.delete('a', 'b2');
  expect(queue.size).toBe(5);
  expect(queue.shift()).toBe('a1');
  queue.push('d', 'd1');
  const rest = [1, 2, 3, 4, 5, 6].map(() => queue.shift());
  expect(rest).toEqual(['b1', 'a2', 'd1', 'b2', 'a3', undefined]);
  expect(queue.size).toBe(0);
});

test('[LIM24] a paused owner is skipped, and keeps its items until it is resumed', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'b1']) queue.push(item.slice(0, 1), item);
  queue.pause('a');
  queue.pause('a');
  queue.push('a', 'a3');
  queue.delete('a', 'a2');
  expect(queue.size).toBe(3);
  expect([queue.shift(), queue.shift()]).toEqual(['b1', undefined]);
  queue.pause('c');
  queue.push('c', 'c1');
  expect(queue.shift()).toBeUndefined();
  queue.resume('a');
  queue.resume('b');
  expect([1, 2, 3].map(() => queue.shift())).toEqual(['a1', 'a3', undefined]);
  queue.push('d', 'd1');
  expect(queue.clear().toSorted()).toEqual(['c1', 'd1']);
  queue.resume('c');
  expect([queue.size, queue.shift()]).toEqual([0, undefined]);
});

test('[LIM13] an owner that was alone keeps its turn when others come', () => {
  const queue = new FairQueue<string>();
  for (const item of ['a1', 'a2', 'a3']) queue.push('a', item);
  expect(queue.shift()).toBe('a1');
  for (const item of ['b1', 'b2', 'c1', 'c2']) queue.push(item.slice(0, 1), item);
  expect([1, 2, 3, 4, 5, 6].map(() => queue.shift())).toEqual(['a2', 'b1', 'c1', 'a3', 'b2', 'c2']);
});

test('[LIM13] [LIM24] in any sequence, each owner is served once before another is served twice', () => {
  const step = fc.record({
    what: fc.constantFrom('push', 'push', 'shift', 'delete', 'pause', 'resume'),
    owner: fc.constantFrom('a', 'b', 'c'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new FairQueue<{ owner: string; n: number }>();
      /** A simple model: the queues in the order of their owners' turns. */
      let model: [string, { owner: string; n: number }[]][] = [];
      const paused = new Map<string, { owner: string; n: number }[]>();
      for (const [n, { what, owner }] of steps.entries()) {
        const items = model.find(([name]) => name === owner)?.[1] ?? paused.get(owner);
        if (what === 'push') {
          const item = { owner, n };
          queue.push(owner, item);
          if (items) items.push(item);
          else model.push([owner, [item]]);
        } else if (what === 'shift') {
          const [first, ...others] = model;
          expect(queue.shift()).toBe(first?.[1].shift());
          if (first) model = [...others, first];
        } else if (what === 'delete') {
          const item = items?.at(-1) ?? { owner, n };
          queue.delete(owner, item);
          items?.pop();
        } else if (what === 'pause') {
          queue.pause(owner);
          if (!paused.has(owner)) paused.set(owner, items ?? []);
          model = model.filter(([name]) => name !== owner);
        } else {
          queue.resume(owner);
          const back = paused.get(owner);
          paused.delete(owner);
          if (back) model.push([owner, back]);
        }
        model = model.filter(([, each]) => each.length > 0);
        const waiting = [...model.map(([, each]) => each), ...paused.values()];
        expect(queue.size).toBe(waiting.flat().length);
      }
      const left = [...model.flatMap(([, each]) => each), ...[...paused.values()].flat()];
      expect(new Set(queue.clear())).toEqual(new Set(left));
    }),
  );
});
