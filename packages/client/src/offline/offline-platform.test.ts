import { afterEach, expect, test, vi } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import { offline } from './offline.js';
import { offlinePlatform, type WriteStorage } from './offline-platform.js';

const storage: WriteStorage = {
  lastUid: async () => undefined,
  setLastUid: async () => {},
  load: async () => [],
  add: async () => {},
  put: async () => true,
  remove: async () => true,
};

afterEach(() => vi.unstubAllGlobals());

test('[TSC8] without a secure context there are no locks: a page sends what it keeps', async () => {
  vi.stubGlobal('navigator', {});
  const world = new FakeWorld();
  const keeper = offline({ app: 'board', platform: offlinePlatform(storage) });
  const client = await world.connected({ offline: keeper });
  const write = client.object('/a/1').update((u) => u.addNumber('n', 1));
  await write.queued;
  await world.settle();
  expect(world.socket.all('update')).toHaveLength(1);
  world.socket.answer('update', { r: '/a/1', rev: 2 });
  expect(await write).toEqual({ r: '/a/1', rev: 2 });
  client.close();
});

test('[TSC8] without a secure context a lock is granted later, unless it was given back', async () => {
  vi.stubGlobal('navigator', {});
  const { lock } = offlinePlatform(storage);
  const granted: string[] = [];
  const giveBack = lock('board', () => granted.push('first'));
  lock('board', () => granted.push('second'))();
  expect(granted).toEqual([]);
  await Promise.resolve();
  expect(granted).toEqual(['first']);
  giveBack();
});

/** Locks of which a page may have none, as in a frame without an origin. */
const refusedLocks = {
  request: async () => {
    throw new DOMException('', 'SecurityError');
  },
};

test('[TSC8] where the browser refuses locks, a page sends what it keeps', async () => {
  vi.stubGlobal('navigator', { locks: refusedLocks });
  const world = new FakeWorld();
  const keeper = offline({ app: 'board', platform: offlinePlatform(storage) });
  const client = await world.connected({ offline: keeper });
  await client.object('/a/1').update((u) => u.addNumber('n', 1)).queued;
  await world.settle();
  expect(world.socket.all('update')).toHaveLength(1);
  client.close();
});

test('[TSC8] a lock is not granted to who gave up the wait for it', async () => {
  const request = (_: string, { signal }: { signal: AbortSignal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  const granted: string[] = [];
  for (const locks of [{ request }, refusedLocks]) {
    vi.stubGlobal('navigator', { locks });
    offlinePlatform(storage).lock('board', () => granted.push('board'))();
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(granted).toEqual([]);
});
