import { expect, test } from 'vitest';
import { delayAfter } from './backoff.js';
import { retryAfterOf } from './webhooks/retry-after.js';

const backoff = { first: 1000, longest: 60_000 };
const bytes = (...values: number[]) => ({ bytes: () => Uint8Array.from(values) });

test('[POST6] delays double up to the maximum, randomly within the upper half', () => {
  const least = [1, 2, 3, 6, 7, 1000].map((n) => delayAfter(n, backoff, bytes(0, 0)));
  expect(least).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000]);
  const most = [1, 2, 3, 6, 7, 1000].map((n) => delayAfter(n, backoff, bytes(255, 255)));
  expect(most).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
});

test('[POST9] Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterOf('120', now)).toBe(120_000);
  expect(retryAfterOf('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000);
  expect(retryAfterOf('Wed, 31 Dec 2025 00:01:00 GMT', now)).toBe(0);
  expect(retryAfterOf('soon', now)).toBeUndefined();
  expect(retryAfterOf(undefined, now)).toBeUndefined();
});
