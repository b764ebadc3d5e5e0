import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LargestFirst } from './largest-first.js';

test('[LIM38] the first is the largest, whatever is added, changed and deleted', () => {
  const change = fc.record({ name: fc.nat(12), size: fc.option(fc.nat(9), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const items = Array.from({ length: 13 }, (_, name) => ({ name, size: 0 }));
      const present = new Set<(typeof items)[number]>();
      const largest = new LargestFirst<(typeof items)[number]>(({ size }) => size);
      for (const { name, size } of changes) {
        const item = items[name] ?? expect.unreachable();
        if (size === undefined) {
          largest.delete(item);
          present.delete(item);
        } else {
          item.size = size;
          largest.update(item);
          present.add(item);
        }
        const sizes = [...present].map((each) => each.size);
        expect(largest.first?.size).toBe(sizes.length === 0 ? undefined : Math.max(...sizes));
        expect(largest.first === undefined || present.has(largest.first)).toBe(true);
      }
    }),
  );
});

test('[LIM38] a change among many looks at few of them', () => {
  let looks = 0;
  const largest = new LargestFirst<{ size: number }>(({ size }) => {
    looks += 1;
    return size;
  });
  for (let n = 0; n < 20_000; n++) largest.update({ size: n % 7 });
  looks = 0;
  for (let n = 0; n < 100; n++) {
    const { first } = largest;
    if (!first) expect.unreachable();
    else largest.delete(first);
    largest.update({ size: 5 });
  }
  expect(looks).toBeLessThan(100 * 200);
});
