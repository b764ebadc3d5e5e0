import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { Objects } from '../objects/objects.js';
import { SystemRecords } from '../objects/system-records.js';
import { silentLog } from '../platform/log.js';
import { noMetrics } from '../platform/metrics.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { type DeadLetter, DeadLetters } from './dead-letters.js';

const records = ['/_work-parts/1', '/_work-parts/2'];

/** Dead letters on a memory store, one of which has records. */
async function withLetter(limit = 10) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  /** The limits of the pages of dead letters that were read. */
  const pages: number[] = [];
  const { created } = store;
  store.created = async (...asked) => {
    if (asked[0].names[0] === '_dead-letters') pages.push(asked[2]);
    return await created.apply(store, asked);
  };
  const objects = new Objects({ store, bus: localBus(), platform, log: silentLog });
  const ports = { store, objects, platform, log: silentLog, metrics: noMetrics };
  const deadLetters = new DeadLetters({ ...ports, limit, age: 1000 });
  const written = new SystemRecords(objects);
  for (const r of ['/_work/1', ...records]) await written.put(r, () => ({ name: r }));
  const add = (from: string, of: Partial<DeadLetter>) =>
    deadLetters.add({
      ...{ kind: 'hook', from, about: '/a/1', what: 'a postUpdate', attempts: 5, reason: 'no' },
      ...{ work: { parts: records }, ...of },
    });
  await add('/_work/1', { records });
  const [letter] = await deadLetters.list(10);
  const left = async () => {
    await objects.drain();
    const parts = await store.created({ names: ['_work-parts'], parents: [] }, 0, 10);
    const work = await store.created({ names: ['_work'], parents: [] }, 0, 10);
    return {
      parts: parts.entries.map(({ object }) => object.r),
      work: work.entries.map(({ object }) => object.data),
    };
  };
  return { deadLetters, id: letter?.id ?? '', left, written, add, pages, platform, objects };
}

test('[HRD1] [POST10] a dead letter keeps the records of its work, and is dropped with them', async () => {
  const { deadLetters, id, left } = await withLetter();
  expect(await left()).toEqual({ parts: records, work: [] });
  expect(await deadLetters.find(id)).toMatchObject({ records, work: { parts: records } });
  expect(await deadLetters.drop(id)).toBe(true);
  expect(await left()).toEqual({ parts: [], work: [] });
  expect(await deadLetters.drop(id)).toBe(false);
});

test('[HRD1] [POST10] a dead letter that is replayed leaves its records to the work', async () => {
  const { deadLetters, id, left } = await withLetter();
  expect(await deadLetters.replay(id)).toBe(true);
  expect(await left()).toEqual({ parts: records, work: [{ parts: records }] });
});

test('[HRD1] [POST10] one that is dropped because there are too many goes with its records', async () => {
  const { deadLetters, left, written, add } = await withLetter(1);
  await written.put('/_work/2', () => ({}));
  await add('/_work/2', {});
  expect(await left()).toEqual({ parts: [], work: [] });
  const [other] = await deadLetters.list(10);
  expect(other).toMatchObject({ from: '/_work/2' });
  expect(other).not.toHaveProperty('records');
});

test('[POST10] none are read while none can be too many or too old', async () => {
  const { deadLetters, written, add, pages, platform } = await withLetter(2);
  await deadLetters.start();
  expect(pages).toEqual([100]);
  for (const r of ['/_work/2', '/_work/3']) {
    await written.put(r, () => ({}));
    await add(r, {});
  }
  // Whose they are is read once.
  expect(pages).toEqual([100, 100]);
  await written.put('/_work/4', () => ({}));
  await add('/_work/4', {});
  expect(pages).toEqual([100, 100]);
  expect(await deadLetters.list(10)).toHaveLength(2);
  platform.advance(3_600_000);
  await expect.poll(() => deadLetters.list(10)).toEqual([]);
  deadLetters.close();
});

test('[POST10] beyond the limit those go of the owner with most, and of all alike the oldest', async () => {
  const { deadLetters, id, written, add, platform } = await withLetter(4);
  await deadLetters.drop(id);
  let n = 2;
  const addOf = async (uid: string) => {
    const own = n++;
    const from = `/_work/${own}`;
    platform.advance(1);
    await written.put(from, () => ({}));
    await add(from, { work: { auth: { uid }, n: own } });
  };
  const kept = async () => {
    const letters = await deadLetters.list(10);
    return letters
      .map(({ work }) => `${(work.auth as { uid: string }).uid} ${work.n}`)
      .toReversed();
  };
  for (const uid of ['ann', 'eve', 'eve', 'eve', 'eve', 'eve']) await addOf(uid);
  expect(await kept()).toEqual(['ann 2', 'eve 5', 'eve 6', 'eve 7']);
  await Promise.all(['bob', 'cid', 'eve'].map((uid) => addOf(uid)));
  expect((await kept()).toSorted()).toEqual(['ann 2', 'bob 8', 'cid 9', 'eve 10']);
  await addOf('dan');
  expect((await kept()).toSorted()).toEqual(['bob 8', 'cid 9', 'dan 11', 'eve 10']);
  deadLetters.close();
});

test('[HRD1] [POST10] one whose record is lost is dropped, and replayed, all the same', async () => {
  const { deadLetters, id, left, written, add, objects } = await withLetter(1);
  for (const r of ['/_work/2', '/_work/3']) await written.put(r, () => ({}));
  await objects.writeAll([], { erases: records.slice(1) });
  await add('/_work/2', { records: ['/_work-parts/lost'] });
  expect(await deadLetters.find(id)).toBeUndefined();
  expect(await left()).toMatchObject({ parts: [] });
  const [other] = await deadLetters.list(10);
  expect(await deadLetters.drop(other?.id ?? '')).toBe(true);
});
