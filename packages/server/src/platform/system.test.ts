import { expect, test } from 'vitest';
import { systemPlatform } from './system.js';

test('random bytes have the size asked for and do not repeat', () => {
  for (const size of [0, 1, 16, 511, 512, 513, 10_000]) {
    expect(systemPlatform.random.bytes(size)).toHaveLength(size);
  }
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    seen.add(Buffer.from(systemPlatform.random.bytes(16)).toString('hex'));
  }
  expect(seen.size).toBe(2000);
});

test('a delay longer than Node keeps does not fire at once', async () => {
  const fired: string[] = [];
  const timer = systemPlatform.timers.after(2 ** 40, () => fired.push('long'));
  await new Promise<void>((resolve) => {
    const hold = setInterval(() => {}, 1000);
    systemPlatform.timers.after(20, () => {
      clearInterval(hold);
      resolve();
    });
  });
  timer.cancel();
  expect(fired).toEqual([]);
});

test('a repeated timer can be cancelled from its own task', async () => {
  let ran = 0;
  await new Promise<void>((resolve) => {
    const hold = setInterval(() => {}, 1000);
    const timer = systemPlatform.timers.every(1, () => {
      ran += 1;
      if (ran === 2) {
        timer.cancel();
        systemPlatform.timers.after(20, () => {
          clearInterval(hold);
          resolve();
        });
      }
    });
  });
  expect(ran).toBe(2);
});
