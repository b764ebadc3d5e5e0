import { expect, test } from 'vitest';
import { clientFrame } from '../gateway.fixture.js';
import { FrameHeaders } from './frame-headers.js';

type Part = readonly [kind: 'message' | 'control', size: number, fragments?: number];

/** The needless bytes found in these, if the client's bytes arrive in chunks of this size. */
function foundIn(parts: readonly Part[], chunkSize: number): number {
  const headers = new FrameHeaders();
  let [end, arrived, found] = [0, 0, 0];
  for (const [kind, size, fragments = 0] of parts) {
    end += clientFrame('x'.repeat(size)).length + fragments * clientFrame('').length;
    for (; arrived < end; arrived += chunkSize) headers.arrived(chunkSize);
    if (kind === 'control') headers.control(size);
    else found += headers.message(size);
  }
  return found;
}

const chunkSizes = [1, 7, 100, 1500, 65_536];

test.each(chunkSizes)(
  '[LIM27] messages of one frame have no needless headers, in chunks of %i',
  (size) => {
    const parts: Part[] = [];
    for (const n of [0, 2, 125, 126, 4000, 20_000, 60_000])
      parts.push(['message', n], ['control', n % 126]);
    expect(foundIn([...parts, ...parts, ...parts], size)).toBe(0);
  },
);

test.each(chunkSizes)('[LIM27] empty fragments are found, in chunks of %i', (size) => {
  const parts: Part[] = Array.from({ length: 1000 }, () => ['message', 10, 200]);
  const needless = 1000 * 200 * 6;
  const found = foundIn(parts, size);
  expect(found).toBeLessThanOrEqual(needless);
  expect(found).toBeGreaterThan(needless - size - 1300);
});
