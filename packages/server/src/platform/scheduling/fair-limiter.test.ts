import { expect, test } from 'vitest';
import { FairLimiter } from './fair-limiter.js';
import { Fifo } from './fifo.js';
import { InFlight } from './in-flight.js';
import { TickSlice } from './tick-slice.js';

test('[DUR5] limits concurrent tasks in total and per owner, in round-robin order', async () => {
  const inFlight = new InFlight();
  const slice = new TickSlice({ monotonic: () => 0 });
  const limiter = new FairLimiter({ total: 3, perOwner: 2 }, { inFlight, slice });
  const running: string[] = [];
  const begun: string[] = [];
  const finish = new Map<string, () => void>();
  const task = (name: string) => async () => {
    begun.push(name);
    running.push(name);
    await new Promise<void>((resolve) => finish.set(name, resolve));
    running.splice(running.indexOf(name), 1);
  };
  const [greedy, modest] = [{}, {}];
  for (const index of [1, 2, 3, 4]) limiter.run(greedy, task(`g${index}`));
  limiter.run(modest, task('m1'));
  limiter.run(modest, task('m2'));
  expect(begun).toEqual(['g1', 'g2', 'm1']);
  expect(limiter.waiting).toBe(3);
  let settled = false;
  const done = inFlight.settled().then(() => {
    settled = true;
  });
  for (const name of ['m1', 'g1', 'g2', 'm2', 'g3', 'g4']) {
    finish.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(running.length).toBeLessThanOrEqual(3);
    expect(running.filter((name) => name.startsWith('g')).length).toBeLessThanOrEqual(2);
  }
  expect(begun).toEqual(['g1', 'g2', 'm1', 'm2', 'g3', 'g4']);
  await done;
  expect(settled).toBe(true);
  expect([limiter.owners, limiter.waiting]).toEqual([0, 0]);
});

test('[LIM43] users take turns, however many owners they have', async () => {
  const inFlight = new InFlight();
  const slice = new TickSlice({ monotonic: () => 0 });
  const limiter = new FairLimiter({ total: 1, perOwner: 1 }, { inFlight, slice });
  const begun: string[] = [];
  const task = (name: string) => async () => {
    begun.push(name);
  };
  const owners = [{}, {}, {}];
  for (const [n, owner] of owners.entries()) {
    for (const index of [1, 2]) limiter.run(owner, task(`greedy ${n} ${index}`), 'greedy');
  }
  const modest = {};
  for (const index of [1, 2, 3]) limiter.run(modest, task(`modest ${index}`), 'modest');
  await inFlight.settled();
  expect(begun).toEqual([
    ...['greedy 0 1', 'greedy 1 1', 'modest 1', 'greedy 2 1', 'modest 2', 'greedy 0 2'],
    ...['modest 3', 'greedy 1 2', 'greedy 2 2'],
  ]);
});

test('a queue returns items in order', () => {
  const queue = new Fifo<number>();
  const out: (number | undefined)[] = [];
  for (let item = 0; item < 500; item++) {
    queue.push(item);
    if (item % 3 > 0) out.push(queue.shift());
  }
  while (queue.size > 0) out.push(queue.shift());
  expect(out).toEqual(Array.from({ length: 500 }, (_, index) => index));
  expect(queue.shift()).toBeUndefined();
});

test('[LIM43] starts no task in a tick whose time is over, and one in each of the next', async () => {
  const inFlight = new InFlight();
  let now = 0;
  const slice = new TickSlice({ monotonic: () => now });
  const limiter = new FairLimiter({ total: 10, perOwner: 10 }, { inFlight, slice });
  const begun: number[] = [];
  // Each takes longer than there is time for, although the owners do not wait for one another.
  for (let n = 0; n < 4; n++) {
    limiter.run({}, async () => {
      begun.push(n);
      now += 50;
    });
  }
  expect(begun).toEqual([0]);
  await inFlight.settled();
  expect(begun).toEqual([0, 1, 2, 3]);
});

test('[LIM43] a dropped task is not run, and the next one has its turn', async () => {
  const inFlight = new InFlight();
  const slice = new TickSlice({ monotonic: () => 0 });
  const limiter = new FairLimiter({ total: 1, perOwner: 1 }, { inFlight, slice });
  const begun: string[] = [];
  let finish = (_: string) => {};
  const first = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const run = (owner: string, name: string, result = Promise.resolve(name)) =>
    limiter.scheduleDroppable(owner, () => {
      begun.push(name);
      return result;
    });
  const started = run('a', 'a1', first);
  const dropped = ['a2', 'a3'].map((name) => run('a', name));
  const gone = run('b', 'b1');
  const last = run('a', 'a4');
  for (const { drop } of [started, ...dropped, gone]) drop();
  for (const { drop } of dropped) drop();
  expect(limiter.waiting).toBe(1);
  finish('a1');
  expect(await started.result).toBe('a1');
  expect(await dropped[0]?.result).toBeUndefined();
  expect(await last.result).toBe('a4');
  expect(begun).toEqual(['a1', 'a4']);
  await inFlight.settled();
  expect([limiter.owners, limiter.waiting]).toEqual([0, 0]);
});
