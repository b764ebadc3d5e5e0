import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../../platform/simulated.js';
import type { ReaderRequest } from './messages.js';
import { ReaderJob } from './reader-job.js';
import { ReaderQueues } from './reader-queues.js';

const count: ReaderRequest = {
  kind: 'count',
  query: {
    scope: { names: ['users'], parents: [] },
    filter: undefined,
    order: { keys: [{ field: '_r', descending: true }] },
    limit: 0,
  },
};

function jobOf(owner: string, request = count): ReaderJob {
  const requester = { owner, waited: 0 };
  const options = { request, timeout: 1000, requester, resolve: () => {}, reject: () => {} };
  return new ReaderJob(options, simulatedPlatform({ seed: 1 }));
}

/** A read that yielded this often. */
function jobAt(level: number, owner = 'u'): ReaderJob {
  const job = jobOf(owner);
  for (let times = 0; times < level; times++) job.giveWay();
  return job;
}

test('[LIM13] a read that yielded comes after those that did not, and is long in the end', () => {
  const queues = new ReaderQueues();
  const [fresh, second, long, returned] = [jobAt(0), jobAt(1), jobAt(2), jobAt(3)];
  for (const job of [long, returned, second, fresh]) queues.push(job);
  expect(queues.size).toBe(4);
  expect(Atomics.load(queues.waiting, 0)).toBe(2);
  const quick = () => queues.shiftQuick({ isCalm: false });
  expect([quick(), quick(), quick()]).toEqual([fresh, second, undefined]);
  expect(Atomics.load(queues.waiting, 0)).toBe(0);
  expect([queues.shiftQuick(), queues.shift(), queues.shift()]).toEqual([
    returned,
    long,
    undefined,
  ]);
  const quanta = [fresh, second, long, returned].map((job) => queues.quantumOf(job));
  expect(quanta).toEqual([4, 20, 0, 0]);
});

test('[LIM13] a read slightly slower than an index lookup gets its turn among many quick ones', () => {
  const queues = new ReaderQueues();
  const second = jobAt(1);
  queues.push(second);
  for (let n = 0; n < 20; n++) queues.push(jobOf(`u${n}`));
  const order = Array.from({ length: 21 }, () => queues.shiftQuick());
  expect(order.indexOf(second)).toBeLessThan(10);
});

test('[LIM13] a read that cannot be stopped never gets the quick thread', () => {
  const queues = new ReaderQueues();
  const job = jobOf('u', { kind: 'count-outdated', names: ['users'], version: 2 });
  queues.push(job);
  expect(queues.shiftQuick()).toBeUndefined();
  expect(queues.shift()).toBe(job);
});

test('a deleted read is in no queue', () => {
  const queues = new ReaderQueues();
  for (let level = 0; level < 4; level++) {
    const job = jobAt(level);
    queues.push(job);
    queues.delete(job);
  }
  expect(queues.size).toBe(0);
  expect(queues.shift()).toBeUndefined();
});
