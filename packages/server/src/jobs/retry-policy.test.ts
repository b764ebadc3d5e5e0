import { expect, test } from 'vitest';
import { delayAfter, doubling } from './retry-policy.js';

const policy = { delays: doubling(1000, 60_000), jitter: 0.5, attempts: 1001 };
const bytes = (...values: number[]) => ({ bytes: () => Uint8Array.from(values) });

test('[POST6] delays double up to the maximum, randomly within the upper half', () => {
  const least = [1, 2, 3, 6, 7, 1000].map((n) => delayAfter(n, policy, bytes(0, 0)));
  expect(least).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000]);
  const most = [1, 2, 3, 6, 7, 1000].map((n) => delayAfter(n, policy, bytes(255, 255)));
  expect(most).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
});

test('[MAIL4] delays without a random part, and none after the last attempt', () => {
  const fixed = { delays: [5, 15], jitter: 0, attempts: 4 };
  const delays = [1, 2, 3, 4].map((n) => delayAfter(n, fixed, bytes(255, 255)));
  expect(delays).toEqual([5, 15, 15, undefined]);
});
