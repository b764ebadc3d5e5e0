import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import { HashLimiter } from './hash-limiter.js';

function setUp(waiting: number) {
  const platform = simulatedPlatform({ seed: 1, now: 0 });
  const slots = new HashLimiter({ concurrency: 1, maxWaiting: waiting, platform });
  const done: string[] = [];
  const running: (() => void)[] = [];
  const ask = (network: string, account?: string) => {
    const name = account ?? network;
    const work = () => new Promise<void>((resolve) => running.push(resolve));
    void slots.run(work, { network, account }).then(
      () => done.push(name),
      () => done.push(`${name} refused`),
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
  ask('home', 'owner');
  expect((await finish(2)).at(-1)).toBe('owner');
  await finish(5);
});

test('[PWD12] one address is not ahead of the others with many accounts of its own', async () => {
  const { platform, ask, finish } = setUp(1000);
  for (let n = 0; n < 100; n++) ask('greedy', `account ${n}`);
  ask('home', 'owner');
  ask('stranger');
  const order = await finish(102);
  expect(order.indexOf('owner')).toBe(1);
  expect(order.indexOf('stranger')).toBeLessThan(65);
  // However many there were, that is over after some minutes.
  for (let n = 0; n < 900; n++) ask('greedy', `account ${n}`);
  await finish(900);
  platform.advance(600_000);
  ask('busy');
  ask('stranger');
  ask('greedy', 'account 1');
  expect(await finish(3)).toEqual(['busy', 'account 1', 'stranger']);
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
