import { expect, test } from 'vitest';
import type { StoredObject } from '../store/stored-object.js';
import { judgedAgain, judgedAsNewest } from './judged-again.js';

const revision = (rev: number): StoredObject => ({
  ...{ r: '/rooms/1', rev, data: {}, touched: {} },
  ...{ deleted: false, modelVersion: 1 },
});

test('[LKP3] what changed while it was judged is judged again, as it is now', async () => {
  const [first, second] = [revision(1), revision(2)];
  const judged: number[] = [];
  const newest = () => (judged.length === 0 ? first : second);
  const last = await judgedAsNewest({ newest }, first, async ({ rev }) => {
    judged.push(rev);
    return rev;
  });
  expect([last, judged]).toEqual([2, [1, 2]]);
});

test('[LKP3] what keeps changing is judged three times', async () => {
  const judged: number[] = [];
  const judge = async (state: number): Promise<void> => void judged.push(state);
  await judgedAgain(1, judge, (state: number) => state + 1);
  expect(judged).toEqual([1, 2, 3]);
});

test('[LKP3] what is judged at once is not judged again', () => {
  const newest = () => revision(2);
  expect(judgedAsNewest({ newest }, revision(1), ({ rev }) => rev as number)).toBe(2);
  const again = () => {
    throw new Error('asked whether something changed');
  };
  expect(judgedAgain<number, number>(1, (state) => state, again)).toBe(1);
});

test('[LKP3] what does not exist is judged once', async () => {
  const judged: unknown[] = [];
  await judgedAsNewest({}, undefined, async (head): Promise<void> => void judged.push(head));
  expect(judged).toEqual([undefined]);
});
