import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import { HashLimiter } from './hash-limiter.js';

function setUp(waiting: number) {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const slots = new HashLimiter({ concurrency: 1, maxWaiting: waiting, platform });
  const done: string[] = [];
  const running: (() => void)[] = [];
  const ask = (key: string, isKnown = false) => {
    const work = () => new Promise<void>((resolve) => running.push(resolve));
    void slots.run(work, { key, isKnown }).then(
      () => done.push(key),
      () => done.push(`${key} refused`),
    );
  };
  const finish = async (count: number) => {
    for (let n = 0; n <= count; n++) {
      if (n > 0) running.shift()?.();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
    return done.splice(0);
  };
  return { platform, ask, finish };
}

test('[PWD12] requesters with the fewest recent hashes go first', async () => {
  const { platform, ask, finish } = setUp(100);
  for (let n = 0; n < 4; n++) ask('greedy');
  platform.advance(1);
  ask('other');
  ask('other');
  platform.advance(1);
  ask('third');
  expect(await finish(7)).toEqual([
    ...['greedy', 'other', 'third', 'greedy', 'other', 'greedy', 'greedy'],
  ]);
});

test('[PWD12] a requester that logged in recently goes first', async () => {
  const { ask, finish } = setUp(100);
  for (let n = 0; n < 5; n++) ask(`stranger ${n}`);
  ask('owner', true);
  expect((await finish(2)).at(-1)).toBe('owner');
  await finish(5);
});

test('[PWD12] where too many wait, the one that would go last is refused', async () => {
  const { platform, ask, finish } = setUp(3);
  for (let n = 0; n < 4; n++) ask('greedy');
  platform.advance(1);
  ask('other');
  expect(await finish(0)).toEqual(['greedy refused']);
  for (let n = 0; n < 3; n++) ask('greedy');
  expect(await finish(0)).toEqual(['greedy refused', 'greedy refused', 'greedy refused']);
  expect(await finish(4)).toEqual(['greedy', 'other', 'greedy', 'greedy']);
});
