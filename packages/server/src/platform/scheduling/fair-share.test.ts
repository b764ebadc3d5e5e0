import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairShare } from './fair-share.js';

test('[LIM24] a single owner gets half, two get a third each, and the next gets what is left', () => {
  const share = new FairShare(120);
  const fill = (owner: string) => {
    let held = 0;
    while (share.take(owner, 1)) held++;
    return held;
  };
  expect(fill('a')).toBe(60);
  expect(fill('b')).toBe(30);
  share.giveBack('a', 25);
  expect(fill('a')).toBe(10);
  expect(share.take('c', 1)).toBe(true);
  expect(share.used).toBe(76);
});

test('[LIM24] an amount above the total is granted if it is the only one', () => {
  const share = new FairShare(10);
  expect(share.take('a', 100)).toBe(true);
  expect(share.take('b', 1)).toBe(false);
  share.giveBack('a', 100);
  expect(share.take('b', 1)).toBe(true);
  expect(share.take('a', 100)).toBe(false);
  expect(share.used).toBe(1);
});

test('[LIM24] an owner is not refused before another that holds more, and the total is never exceeded', () => {
  const step = fc.record({ owner: fc.constantFrom('a', 'b', 'c', 'd'), gives: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const share = new FairShare(40);
      const held = new Map<string, number>();
      for (const { owner, gives } of steps) {
        const own = held.get(owner) ?? 0;
        if (gives && own > 0) {
          share.giveBack(owner, 1);
          held.set(owner, own - 1);
        } else if (share.take(owner, 1)) held.set(owner, own + 1);
        else {
          // Refused: then any owner that holds as much or more would be, too.
          for (const [other, amount] of held) {
            if (amount < own) continue;
            expect(share.take(other, 1)).toBe(false);
          }
        }
        expect(share.used).toBe([...held.values()].reduce((sum, amount) => sum + amount, 0));
        expect(share.used).toBeLessThanOrEqual(40);
      }
    }),
  );
});
