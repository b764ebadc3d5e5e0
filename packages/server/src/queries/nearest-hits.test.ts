import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { modelOf } from '../live/live.fixture.js';
import { createWrite } from '../objects/change.js';
import { estimateBytes } from '../objects/estimate-bytes.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { NearestHits } from './nearest-hits.js';
import { Search } from './search.js';

const size = estimateBytes({ a: 1, b: 'x'.repeat(1000) });

/** Twenty objects of `size` bytes in the order of a field that a hook may hide. */
async function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const model = modelOf({ preGet: () => ['secret'] });
  await store.prepare([model.layout]);
  const create = (r: string, data: JsonObject) =>
    store.commit([
      { writes: [createWrite(r, data, { by: { uid: 'u' }, at: 1, modelVersion: 1 })] },
    ]);
  for (let n = 10; n < 30; n++) await create(`/users/${n}`, { a: 30 - n, b: 'x'.repeat(1000) });
  const loaded: string[] = [];
  const heads = (rs: readonly string[]) => {
    loaded.push(...rs);
    return store.getMany(rs);
  };
  const search = new Search({
    services: { store, objects: { heads }, platform, limits: defaultLimits },
    ...{ owner: '', auth: { uid: 'ann' }, model, filter: undefined },
    scope: { names: ['users'], parents: [] },
    order: { keys: [{ field: 'a', descending: false }] },
  });
  return { search, loaded };
}

test('[LIM4] a page in the order of a field that may be hidden holds no more objects than it has bytes for', async () => {
  const { search, loaded } = await setUp();
  const start = { skip: 0, start: undefined };
  const all = await search.scan({ ...start, limit: 20 });
  expect(all.hits.map(({ object }) => object.data.a)).toEqual(
    Array.from({ length: 20 }, (_, n) => n + 1),
  );
  expect(loaded).toEqual([]);
  const cut = await search.scan({ ...start, limit: 15, bytes: 3.5 * size });
  expect(cut.hits).toEqual(all.hits.slice(0, 4));
  expect(cut.end).toEqual(all.hits[3]?.place);
  expect(loaded.length).toBeGreaterThan(0);
  // The rest follows from there on.
  const rest = await search.scan({
    ...{ start: { place: cut.hits[3]?.place ?? { r: '', values: [] }, back: false }, skip: 0 },
    ...{ limit: 20, bytes: 100 * size },
  });
  expect(rest).toEqual({ hits: all.hits.slice(4), end: undefined });
});

test('those that come first are the same, whether they are kept or only their places', () => {
  const compare = (a: { r: string }, b: { r: string }) => Number(a.r) - Number(b.r);
  const hits = [7, 3, 9, 1, 8, 2, 6, 4, 5, 0].map((n) => {
    return { place: { r: `${n}`, values: [] }, object: { data: { b: 'x'.repeat(1000) } } };
  });
  const kept = (bytes: number) => {
    const nearest = new NearestHits<(typeof hits)[number]>({ compare, most: 3, bytes });
    for (const hit of hits) nearest.add(hit);
    const { best, end } = nearest.result();
    const held = best.flatMap(({ hit }) => hit ?? []).length;
    return { rs: best.map(({ place }) => place.r), end: end?.r, held, keeps: nearest.keepsHits };
  };
  const first = { rs: ['0', '1', '2'], end: '2' };
  expect(kept(4 * size)).toEqual({ ...first, held: 3, keeps: true });
  expect(kept(2 * size)).toEqual({ ...first, held: 0, keeps: false });
  expect(kept(0)).toEqual({ ...first, held: 0, keeps: false });
});
