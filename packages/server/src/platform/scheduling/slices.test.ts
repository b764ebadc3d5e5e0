import { expect, test } from 'vitest';
import { Slice, sliceTime } from './slices.js';

test('a slice ends after its time, and a new one starts after a rest', async () => {
  let now = 0;
  const slice = new Slice({ monotonic: () => now });
  now += sliceTime - 1;
  expect(slice.isOver).toBe(false);
  now += 1;
  expect(slice.isOver).toBe(true);
  let others = 0;
  setImmediate(() => {
    others += 1;
  });
  await slice.rest();
  expect(others).toBe(1);
  expect(slice.isOver).toBe(false);
});
