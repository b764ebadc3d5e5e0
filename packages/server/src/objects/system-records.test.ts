import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { Objects } from './objects.js';
import { SystemRecords } from './system-records.js';

function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const bus = localBus();
  const published: string[] = [];
  bus.listen((changes) => published.push(...changes.map(({ r, rev }) => `${r}@${rev}`)));
  const objects = new Objects({ store, bus, platform, log: silentLog });
  return { objects, records: new SystemRecords(objects), published };
}

test('a record is created, then replaced on the basis of its content', async () => {
  const { objects, records, published } = setUp();
  expect(await records.get('/_counters/a')).toBeUndefined();
  const count = () =>
    records.put('/_counters/a', (held) => ({ n: (typeof held?.n === 'number' ? held.n : 0) + 1 }));
  await Promise.all([count(), count(), count()]);
  expect(await records.get('/_counters/a')).toEqual({ n: 3 });
  await objects.drain();
  expect(published).toEqual(['/_counters/a@1', '/_counters/a@2', '/_counters/a@3']);
});

test('what the update throws refuses the write', async () => {
  const { records } = setUp();
  await records.put('/_counters/a', () => ({ n: 1 }));
  const refused = records.put('/_counters/a', () => {
    throw new Error('taken');
  });
  await expect(refused).rejects.toThrow('taken');
  expect(await records.get('/_counters/a')).toEqual({ n: 1 });
});

test('records are written together with others, all or none', async () => {
  const { objects, records } = setUp();
  const requests = [
    records.request('/_counters/a', () => ({ n: 1 })),
    records.request('/_counters/b', () => {
      throw new Error('no');
    }),
  ];
  expect(await objects.writeAll(requests)).toMatchObject({ kind: 'refused', index: 1 });
  expect(await records.get('/_counters/a')).toBeUndefined();
});

test('a record is removed where its time is over, and not otherwise', async () => {
  const { records } = setUp();
  await records.put('/_counters/a', () => ({ n: 1 }));
  await records.remove('/_counters/a', ({ n }) => n === 2);
  expect(await records.get('/_counters/a')).toEqual({ n: 1 });
  await records.remove('/_counters/a', ({ n }) => n === 1);
  expect(await records.get('/_counters/a')).toBeUndefined();
  await records.remove('/_counters/a', () => true);
  await records.remove('/_counters/b', () => true);
});
