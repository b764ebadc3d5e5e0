import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { OutcomeUnknown } from '../store/store-errors.js';
import type { StoredObject } from '../store/stored-object.js';
import { createWrite, updateWrite, type WriteOrigin } from './change.js';
import { controlled } from './controlled-store.fixture.js';
import { Objects } from './objects.js';
import type { SingleWriteRequest } from './write-request.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };

/** Objects `/a/1` and `/a/2`, in memory, on a store that can end before it answers. */
async function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const inner = openMemoryStore({}, platform);
  const store = controlled(inner);
  let ends: 'after' | 'before' | undefined;
  const { commit } = store;
  store.commit = async (groups) => {
    const end = ends;
    ends = undefined;
    if (end === 'before') throw new OutcomeUnknown('it has ended');
    const outcomes = await commit(groups);
    if (end === 'after') throw new OutcomeUnknown('it has ended');
    return outcomes;
  };
  const bus = localBus();
  const published: string[] = [];
  const objects = new Objects({ store, bus, platform, log: silentLog });
  for (const r of ['/a/1', '/a/2']) {
    await objects.write({ r, prepare: () => createWrite(r, { n: 0 }, origin) });
  }
  await objects.drain();
  bus.listen((changes) => {
    published.push(...changes.map(({ r, rev, pos }) => `${r}@${rev} ${pos}`));
  });
  const endOnce = (when: 'after' | 'before') => {
    ends = when;
  };
  const revs = async () => (await objects.heads(['/a/1', '/a/2'])).map((head) => head?.rev);
  return { inner, objects, published, endOnce, revs };
}

function update(r: string): SingleWriteRequest {
  const prepare = (head: StoredObject | undefined) => {
    if (!head) throw new Error(`there is no ${r}`);
    const data = { n: Number(head.data.n) + 1 };
    return updateWrite(head, { data, delta: {}, touched: ['n'] }, origin);
  };
  return { r, prepare };
}

test('[DUR6] a commit whose answer was lost is answered and published, if all of it was written', async () => {
  const { objects, published, endOnce, revs } = await setUp();
  endOnce('after');
  const results = await Promise.all(['/a/1', '/a/2'].map((r) => objects.write(update(r))));
  await objects.drain();
  expect(results).toMatchObject([
    { kind: 'committed', pos: 3 },
    { kind: 'committed', pos: 4 },
  ]);
  expect(published).toEqual(['/a/1@2 3', '/a/2@2 4']);
  expect(await revs()).toEqual([2, 2]);
});

test('[DUR6] one that was not written is refused, and the next one builds on what is stored', async () => {
  const { objects, published, endOnce } = await setUp();
  endOnce('before');
  await expect(objects.write(update('/a/1'))).rejects.toMatchObject({ code: 503 });
  expect(await objects.write(update('/a/1'))).toMatchObject({ kind: 'committed', pos: 3 });
  await objects.drain();
  expect(published).toEqual(['/a/1@2 3']);
});

test('[DUR6] a create that was not written is refused, whatever moved the position meanwhile', async () => {
  const { inner, objects, endOnce } = await setUp();
  // As a reload of the models does, by one position for a write.
  await inner.commit([{ writes: [createWrite('/b/1', {}, origin)] }]);
  endOnce('before');
  const r = '/a/3';
  const prepare = () => createWrite(r, { n: 0 }, origin);
  await expect(objects.write({ r, prepare })).rejects.toMatchObject({ code: 503 });
  expect(await objects.heads([r])).toEqual([undefined]);
});

test('[DUR6] where only part of it may be written, its objects are read from the store', async () => {
  const { inner, objects, endOnce, revs } = await setUp();
  const stored = await inner.get('/a/2');
  if (!stored) throw new Error('there is no /a/2');
  // Another writer: the second write is refused.
  const other = updateWrite(stored, { data: { n: 9 }, delta: {}, touched: ['n'] }, origin);
  await inner.commit([{ writes: [other] }]);
  endOnce('after');
  const writes = ['/a/1', '/a/2'].map((r) => objects.write(update(r)));
  for (const { status } of await Promise.allSettled(writes)) expect(status).toBe('rejected');
  expect(await revs()).toEqual([2, 2]);
});

test('[DUR6] what a batch may have written or erased is read from the store', async () => {
  const { objects, endOnce, revs } = await setUp();
  endOnce('after');
  await expect(objects.writeAll([], { erases: ['/a/1'] })).rejects.toMatchObject({ code: 503 });
  expect(await revs()).toEqual([undefined, 1]);
});
