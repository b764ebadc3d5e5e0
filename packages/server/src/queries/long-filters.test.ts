import { bindRql, parseRql } from '@really/protocol';
import { expect, test } from 'vitest';
import { bound, hurry } from '../live/live.fixture.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { Search } from './search.js';

// The filter is evaluated here and not by the store, since only here is it known who sees the field.
const files = {
  'notes/model.yaml': `version: 1
fields:
  owner: { type: String }
  text: { type: String, access: { read: obj.owner == auth.uid } }
access: { create: true, read: true }
`,
};

async function searchFor(parts: number) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const { model, models } = await loaded(files);
  await store.prepare(models.all().map(({ layout }) => layout));
  const text = `${'a'.repeat(900_000)}c`;
  const origin = { by: { uid: 'ann' }, at: 1, modelVersion: 1 };
  for (const [id, owner] of [
    ['1', 'ann'],
    ['2', 'bob'],
  ]) {
    await store.commit([
      { writes: [createWrite(`/notes/${id}`, { owner: owner ?? '', text }, origin)] },
    ]);
  }
  let spent = 0;
  hurry(platform.clock);
  const others = Array.from({ length: parts }, (_, n) => `text contains 'b${n}' or `);
  const filter = `${others.join('')}text contains 'c'`;
  const search = new Search({
    services: {
      store: { ...bound(store), isSoleWriter: true },
      objects: { heads: (rs) => store.getMany(rs) },
      platform,
      limits: { ...defaultLimits, queryTime: Number.MAX_SAFE_INTEGER },
      queryLimiter: {
        spend: (owner, time) => {
          expect(owner).toBe('ann');
          spent += time;
        },
      },
    },
    ...{ owner: 'ann', auth: { uid: 'ann' }, model: model('notes') },
    filter: bindRql(parseRql(filter), undefined),
    scope: { names: ['notes'], parents: [] },
    order: { keys: [{ field: '_r', descending: true }] },
  });
  const page = async () => {
    const hits = await search.page({ start: undefined, skip: 0, limit: 10 });
    return hits.map(({ object }) => object.r);
  };
  return { page, spent: () => spent };
}

/** How often others had their turn while this was done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isDone = true;
  return turns;
}

test('[LIM46] a filter that scans much of an object lets others have their turn between comparisons, and counts', async () => {
  const { page, spent } = await searchFor(100);
  let found: string[] = [];
  const turns = await turnsDuring(async () => {
    found = await page();
  });
  expect(found).toEqual(['/notes/1']);
  expect(turns).toBeGreaterThan(100);
  expect(spent()).toBeGreaterThan(0);
});
