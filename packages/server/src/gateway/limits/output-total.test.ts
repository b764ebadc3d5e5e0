import { expect, test } from 'vitest';
import { Budgets } from '../../platform/budget.js';
import { Readings } from '../../platform/readings.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { type OutputHolder, OutputTotal, uncounted } from './output-total.js';

const kilobyte = 1024;
const used = 'really_limit_used limits.outputTotal';
const refused = 'really_limit_refused_total limits.outputTotal';

/** A total of 1 MiB, with sockets that read when the test says so. */
function setUp() {
  const metrics = new Readings();
  const checks: (() => void)[] = [];
  const platform = simulatedPlatform({ seed: 1 });
  const total = new OutputTotal({
    limit: 1024 * kilobyte,
    budgets: new Budgets(metrics),
    time: 60_000,
    platform,
    schedule: (check) => checks.push(check),
  });
  const ended: string[] = [];
  const holder = (name: string, address = name) => {
    const socket = {
      address,
      waiting: 0,
      giveUp: () => ended.push(name),
      write(...buffers: Buffer[]) {
        for (const { length } of buffers) socket.waiting += length;
        total.record(socket, buffers);
      },
    };
    return socket satisfies OutputHolder;
  };
  const check = () => {
    for (const check of checks.splice(0)) check();
  };
  return { total, metrics, ended, holder, check };
}

const buffer = (kilobytes: number) => Buffer.alloc(kilobytes * kilobyte);

test('[LIM32] output counts until it is read or its reader has left', () => {
  const { metrics, total, holder } = setUp();
  const [a, b] = [holder('a'), holder('b')];
  a.write(buffer(100), buffer(200));
  b.write(buffer(50));
  expect(metrics.read(used)).toBe(350 * kilobyte);
  a.waiting = 200 * kilobyte;
  expect(metrics.read(used)).toBe(250 * kilobyte);
  // A slice keeps the whole buffer in memory.
  a.waiting = 100 * kilobyte;
  expect(metrics.read(used)).toBe(250 * kilobyte);
  a.waiting = uncounted;
  expect(metrics.read(used)).toBe(50 * kilobyte);
  total.release(b);
  expect(metrics.read(used)).toBe(0);
});

test('[LIM32] output from before the first check counts, and so does output known only by size', () => {
  const { metrics, total, holder } = setUp();
  const a = holder('a');
  a.waiting = 30 * kilobyte;
  a.write(buffer(20));
  expect(metrics.read(used)).toBe(50 * kilobyte);
  a.waiting = 80 * kilobyte;
  total.record(a);
  expect(metrics.read(used)).toBe(80 * kilobyte);
});

test('[LIM32] a buffer shared by many counts once', () => {
  const { metrics, ended, holder, check } = setUp();
  const shared = buffer(800);
  const subscribers = Array.from({ length: 100 }, (_, n) => holder(`subscriber ${n}`));
  for (const subscriber of subscribers) subscriber.write(shared);
  expect(metrics.read(used)).toBe(800 * kilobyte);
  check();
  expect(ended).toEqual([]);
  // Holders that share it hold little each, so another one is ended first.
  holder('greedy').write(buffer(300));
  check();
  expect(ended).toEqual(['greedy']);
  for (const subscriber of subscribers.slice(1)) subscriber.waiting = 0;
  expect(metrics.read(used)).toBe(1100 * kilobyte);
});

test('[LIM32] the largest holders of the largest address go first, until there is some room again', () => {
  const { metrics, ended, holder, check } = setUp();
  holder('innocent').write(buffer(300));
  for (let n = 0; n < 10; n++) holder(`attacker ${n}`, 'attacker').write(buffer(70 + n));
  expect(ended).toEqual([]);
  check();
  // 1045 KiB were held, and an eighth of the 1024 has to be free.
  expect(ended).toEqual(['attacker 9', 'attacker 8']);
  expect(metrics.read(refused)).toBe(2);
  // They are still leaving, and no longer count.
  holder('another').write(buffer(90));
  check();
  expect(ended.length).toBe(2);
});

test('[LIM32] a client that has read in the meantime is not ended', () => {
  const { ended, holder, check } = setUp();
  const reader = holder('reader');
  reader.write(buffer(800));
  holder('other').write(buffer(300));
  reader.waiting = 0;
  check();
  expect(ended).toEqual([]);
});
