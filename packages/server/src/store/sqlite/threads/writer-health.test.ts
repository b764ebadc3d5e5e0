import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../../../platform/simulated.js';
import { creation, deletion, each, queryOf } from '../../contract/sample-writes.js';
import type { Store } from '../../store.js';
import { StoreUnavailable, WritesUnavailable } from '../../store-errors.js';
import { Scratch } from '../scratch.fixture.js';
import { WriterHealth } from './writer-health.js';

const scratch = Scratch.each();

async function readiness(store: Store): Promise<'ready' | 'not'> {
  return await store.ping().then(
    () => 'ready',
    () => 'not',
  );
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe('[DUR11] whether writes can be served', () => {
  test('is known from earlier writes, and after a failure from one attempt a second', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    let attempts = 0;
    let works = false;
    const health = new WriterHealth(platform, async () => {
      attempts += 1;
      if (!works) throw new StoreUnavailable('SQLITE_FULL: no');
    });
    await health.follow(Promise.resolve());
    expect(health.trouble).toBeUndefined();
    const failure = new StoreUnavailable('SQLITE_FULL: database or disk is full');
    for (let n = 0; n < 3; n++) {
      await expect(health.follow(Promise.reject(failure))).rejects.toBe(failure);
    }
    expect(health.trouble).toBe('the disk is full');
    expect(attempts).toBe(0);
    platform.advance(1000);
    await settled();
    expect([attempts, health.trouble]).toEqual([1, 'the disk is full']);
    works = true;
    platform.advance(1000);
    await settled();
    expect([attempts, health.trouble]).toEqual([2, undefined]);
    platform.advance(5000);
    await settled();
    expect(attempts).toBe(2);
  });

  test('is no while a write is pending for 5 s, and yes when it is done', async () => {
    const platform = simulatedPlatform({ seed: 1 });
    const health = new WriterHealth(platform, async () => {});
    let done: () => void = () => {};
    const following = health.follow(
      new Promise<void>((resolve) => {
        done = resolve;
      }),
    );
    platform.advance(4999);
    expect(health.trouble).toBeUndefined();
    platform.advance(1);
    expect(health.trouble).toBe('writes are stuck');
    done();
    await following;
    expect(health.trouble).toBeUndefined();
  });

  test('a bug of the program is no failure of the disk', async () => {
    const health = new WriterHealth(simulatedPlatform({ seed: 1 }), async () => {});
    await expect(health.follow(Promise.reject(new TypeError('no')))).rejects.toThrow(TypeError);
    expect(health.trouble).toBeUndefined();
  });
});

test('[DUR11] [DUR6] a full database is not ready, until there is room', async () => {
  const store = await scratch.open({ file: scratch.file(), maxSize: 500_000 });
  const text = 'x'.repeat(3000);
  const writes = Array.from({ length: 300 }, (_, n) => creation(`/users/${n}`, { text }));
  await store.commit(each(...writes.slice(0, 5)));
  await store.ping();
  for (let n = 5; ; n++) {
    const write = writes[n];
    if (!write) throw new Error('it does not become full');
    const isFull = await store.commit(each(write)).then(
      () => false,
      () => true,
    );
    if (isFull) break;
  }
  await expect(store.ping()).rejects.toThrow(WritesUnavailable);
  await expect(store.ping()).rejects.toThrow('the disk is full');
  for (const { object } of writes.slice(0, 30)) await store.commit(each(deletion(object)));
  await expect.poll(() => readiness(store)).toBe('ready');
});
test('[DUR11] [DUR6] a database locked by another program is not ready: writes are refused, reads go on, until it is unlocked', async () => {
  const file = scratch.file();
  const store = await scratch.open({ file });
  await store.commit(each(creation('/users/1', { n: 1 })));
  const other = new Database(file);
  scratch.defer(() => void other.close());
  other.exec('BEGIN EXCLUSIVE');
  const refused = store.commit(each(creation('/users/2', { n: 2 })));
  await expect(refused).rejects.toThrow(StoreUnavailable);
  await expect(store.ping()).rejects.toThrow('another program holds the database');
  expect((await store.get('/users/1'))?.data).toEqual({ n: 1 });
  expect(await store.count(queryOf('users'))).toBe(1);
  other.exec('ROLLBACK');
  await expect.poll(() => readiness(store)).toBe('ready');
  await store.commit(each(creation('/users/2', { n: 2 })));
  expect(await store.count(queryOf('users'))).toBe(2);
});
