import { expect, test } from 'vitest';
import { FairQueue } from './fair-queue.js';

test('[LIM13] owners have their turn one after the other, and their own in order', () => {
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
