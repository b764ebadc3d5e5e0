import { expect, test } from 'vitest';
import { RateLimit } from '../../platform/scheduling/rate-limit.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { CommandRates } from './command-rates.js';
import { ConnectionCount } from './connection-count.js';

function limit(amount: number, window = 1000) {
  const platform = simulatedPlatform({ seed: 1 });
  const rate = new RateLimit({ amount, window, clock: platform.clock });
  const taken = (times: number, key = 'a') => {
    let granted = 0;
    for (let index = 0; index < times; index++) if (rate.take(key) === 0) granted++;
    return granted;
  };
  return { platform, rate, taken };
}

test('[LIM5] a burst of one second is granted, and no more', () => {
  for (const amount of [1, 3, 7, 1000, 9999]) expect(limit(amount).taken(20_000)).toBe(amount);
});

test('[LIM5] it refills over time', () => {
  const { platform, taken } = limit(1000);
  taken(1000);
  platform.advance(250);
  expect(taken(1000)).toBe(250);
  platform.advance(60_000);
  expect(taken(5000)).toBe(1000);
});

test('[LIM5] the rate holds in the long run, however often it is asked', () => {
  const { platform, taken } = limit(100);
  let granted = 0;
  for (let step = 0; step < 1000; step++) {
    granted += taken(5);
    platform.advance(10);
  }
  expect(granted).toBeGreaterThanOrEqual(1099);
  expect(granted).toBeLessThanOrEqual(1100);
});

test('[LIM5] a refusal says when to retry, in whole seconds, and takes nothing', () => {
  const { platform, rate, taken } = limit(60, 60_000);
  taken(60);
  expect(rate.take('a')).toBe(1);
  expect(rate.take('a', 30)).toBe(30);
  platform.advance(1000);
  expect(taken(5)).toBe(1);
});

test('[LIM5] keys are independent, and 0 turns the limit off', () => {
  const { rate, taken } = limit(2);
  expect(taken(5, 'a')).toBe(2);
  expect(taken(5, 'b')).toBe(2);
  expect(rate.size).toBe(2);
  const off = limit(0);
  expect(off.taken(1e4)).toBe(1e4);
  expect(off.rate.size).toBe(0);
});

test('[LIM5] keys whose bucket is full are forgotten', () => {
  const { platform, rate } = limit(10);
  for (let index = 0; index < 100_000; index++) {
    rate.take(`key ${index}`);
    if (index % 100 === 0) platform.advance(10);
  }
  expect(rate.size).toBeLessThan(5000);
});

test('[LIM5] an address counts for all its uids, and a uid for all its addresses', () => {
  const { clock } = simulatedPlatform({ seed: 1 });
  const limited: string[] = [];
  const rates = new CommandRates({
    commands: 2,
    address: 3,
    clock,
    limited: (by) => limited.push(by),
  });
  expect([rates.take('x', 'u'), rates.take('y', 'u'), rates.take('z', 'u')]).toEqual([0, 0, 1]);
  expect([rates.take('x', 'v'), rates.take('x', 'w'), rates.take('x', undefined)]).toEqual([
    0, 0, 1,
  ]);
  expect(limited).toEqual(['uid', 'address']);
});

test('[LIM5] [BAT6] a batch takes one for each of its commands, or nothing at all', () => {
  const { clock } = simulatedPlatform({ seed: 1 });
  const rates = new CommandRates({ commands: 10, address: 15, clock, limited: () => {} });
  expect([rates.take('x', 'u', 8), rates.take('x', 'u', 3), rates.take('x', 'u', 2)]).toEqual([
    0, 1, 0,
  ]);
  // A refusal for the uid takes nothing from the address: 5 of 15 are left.
  expect([rates.take('x', 'v', 6), rates.take('x', 'v', 5), rates.take('x', 'w')]).toEqual([
    1, 0, 1,
  ]);
  // A refusal for the address takes nothing from the uid.
  expect([rates.take('y', 'v', 5), rates.take('z', 'v')]).toEqual([0, 1]);
});

test('[LIM6] connections are counted in total and by address', () => {
  const count = new ConnectionCount({ connections: 3, connectionsPerAddress: 2 });
  expect([count.enter('a'), count.enter('a'), count.enter('a')]).toEqual([true, true, false]);
  expect([count.enter('b'), count.enter('b')]).toEqual([true, false]);
  count.leave('a');
  expect([count.enter('b'), count.enter('b')]).toEqual([true, false]);
  for (const address of ['a', 'b', 'b']) count.leave(address);
  expect([count.total, count.addresses]).toEqual([0, 0]);
});

test('[LIM5] [LIM6] the addresses of one IPv6 network count together', () => {
  const { clock } = simulatedPlatform({ seed: 1 });
  const rates = new CommandRates({ commands: 0, address: 2, clock, limited: () => {} });
  const taken = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1'].map((address) =>
    rates.take(address, undefined),
  );
  expect(taken).toEqual([0, 0, 1, 0]);
  const count = new ConnectionCount({ connections: 9, connectionsPerAddress: 2 });
  expect(['1::a', '1::b', '1::c'].map((address) => count.enter(address))).toEqual([
    true,
    true,
    false,
  ]);
  count.leave('1::a');
  expect(count.enter('1::c')).toBe(true);
});
