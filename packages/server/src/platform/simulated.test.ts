import { expect, test } from 'vitest';
import { simulatedPlatform } from './simulated.js';

test('timers run in the order of their time, including those set meanwhile', () => {
  const platform = simulatedPlatform({ seed: 1, now: 1000 });
  const ran: string[] = [];
  const note = (what: string) => ran.push(`${what}@${platform.clock.now()}`);
  platform.timers.after(20, () => note('late'));
  platform.timers.after(10, () => {
    note('early');
    platform.timers.after(5, () => note('between'));
  });
  platform.advance(30);
  expect(ran).toEqual(['early@1010', 'between@1015', 'late@1020']);
  expect(platform.clock.now()).toBe(1030);
});

test('a repeated timer runs until it is cancelled', () => {
  const platform = simulatedPlatform({ seed: 1 });
  let ran = 0;
  const timer = platform.timers.every(10, () => {
    ran += 1;
    if (ran === 3) timer.cancel();
  });
  platform.advance(100);
  expect(ran).toBe(3);
  expect(platform.pending).toBe(0);
});

test('the same seed gives the same bytes', () => {
  const bytes = (seed: number) => [...simulatedPlatform({ seed }).random.bytes(16)];
  expect(bytes(7)).toEqual(bytes(7));
  expect(bytes(7)).not.toEqual(bytes(8));
});
