import { setImmediate as nextTick } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RequestTurns } from './request-turns.js';

test('[LIM48] requests begin for some time in a tick, the rest later, one of each address in turn', async () => {
  let now = 0;
  const turns = new RequestTurns({ monotonic: () => now });
  const begun: string[] = [];
  const request = (address: string, name: string) =>
    turns.take(address, () => {
      begun.push(name);
      now += 2;
    });
  for (let n = 1; n <= 7; n++) request('192.0.2.1', `a${n}`);
  request('192.0.2.2', 'b1');
  expect(begun).toEqual(['a1', 'a2']);
  while (begun.length < 8) await nextTick();
  expect(begun.slice(2)).toEqual(['a3', 'b1', 'a4', 'a5', 'a6', 'a7']);
  await nextTick();
  request('192.0.2.1', 'a8');
  expect(begun.at(-1)).toBe('a8');
});

test.each<[what: string, work: (done: () => void) => void]>([
  ['at once', (done) => done()],
  ['after they began', (done) => queueMicrotask(done)],
])('[LIM48] no more begin in a tick than there is time for, if they work %s', async (_, work) => {
  let now = 0;
  const turns = new RequestTurns({ monotonic: () => now });
  let inTick = 0;
  let most = 0;
  let begun = 0;
  const begin = () => {
    begun += 1;
    inTick += 1;
    most = Math.max(most, inTick);
    work(() => {
      now += 1;
    });
  };
  turns.take('192.0.2.1', () => {
    now += 4;
  });
  for (let n = 0; n < 100; n++) turns.take('192.0.2.1', begin);
  while (begun < 100) {
    inTick = 0;
    await nextTick();
  }
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(4);
});
