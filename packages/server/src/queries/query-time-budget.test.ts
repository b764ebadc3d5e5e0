import { expect, test } from 'vitest';
import { simulatedPlatform } from '../platform/simulated.js';
import { QueryTimeout } from '../store/store-errors.js';
import { ownerOf } from './owner.js';
import { QueryTimeBudget } from './query-time-budget.js';

test('[LIM14] all reads share the time of one query, and waiting does not count', () => {
  const platform = simulatedPlatform({ seed: 1 });
  const time = new QueryTimeBudget({ platform, limits: { queryTime: 100 } }, 'owner');
  platform.advance(1000);
  const { timeout, requester } = time.patience;
  expect([timeout, requester?.owner]).toEqual([100, 'owner']);
  platform.advance(60);
  expect(time.left).toBe(40);
  if (requester) requester.waited += 50;
  expect(time.left).toBe(90);
  platform.advance(90);
  expect(() => time.left).toThrow(QueryTimeout);
  time.restart();
  expect(time.left).toBeGreaterThan(0);
});

test('[LIM13] a user is one owner, and so are the anonymous users of an address', () => {
  const address = '192.0.2.1';
  expect(ownerOf({ auth: { uid: 'a' }, address })).toBe('uid a');
  const anonymous = (uid: string) => ({ uid, authType: 'anonymous' });
  expect(ownerOf({ auth: anonymous('b'), address })).toBe(`address ${address}`);
  expect(ownerOf({ auth: anonymous('c'), address })).toBe(`address ${address}`);
  expect(ownerOf({ auth: anonymous('c') })).toBe('uid c');
});

test('[LIM46] what threads of the store do for a read is charged to its owner', () => {
  const platform = simulatedPlatform({ seed: 1 });
  const spent: [string, number][] = [];
  const queryLimiter = { spend: (owner: string, time: number) => void spent.push([owner, time]) };
  const services = { platform, limits: { queryTime: 100 }, queryLimiter };
  new QueryTimeBudget(services, 'uid a').patience.requester?.spend?.(7);
  expect(spent).toEqual([['uid a', 7]]);
});
