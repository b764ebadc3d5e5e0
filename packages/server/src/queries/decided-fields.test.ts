import { type Auth, bindRql, type JsonObject, parseRql } from '@really/protocol';
import { expect, test } from 'vitest';
import { bound } from '../live/live.fixture.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Query } from '../store/store-reads.js';
import { Search } from './search.js';

const files = {
  'rooms/model.yaml': 'version: 1\nfields: {}\naccess: { create: true, read: true }\n',
  'rooms/members/model.yaml': `version: 1
fields: { role: { type: String } }
access: { create: true, read: true }
`,
  'rooms/tasks/model.yaml': `version: 1
fields:
  secret: { type: Long, access: { read: 'membership?.role == "owner"' } }
lookups: { membership: "/rooms/{ids.rooms}/members/{auth.uid}" }
access: { create: true, read: membership != null }
`,
};

/**
 * Three tasks with secrets, of which two are found by `secret > 1`. `isOwner` says, by the number of queries so far,
 * whether ann is an owner of the room or a reader.
 */
async function searchBySecret(isOwner: (queries: number) => boolean, auth: Auth = { uid: 'ann' }) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const queries: Query[] = [];
  const lookedUp: string[] = [];
  const { model, models } = await loaded(files, {
    readLookups: async (rs) => {
      lookedUp.push(...rs);
      const found = await store.getMany(rs);
      const [rev, role] = isOwner(queries.length) ? [1, 'owner'] : [2, 'reader'];
      return found.map((object) => object && { ...object, rev, data: { role } });
    },
  });
  await store.prepare(models.all().map(({ layout }) => layout));
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const create = (r: string, data: JsonObject) =>
    store.commit([{ writes: [createWrite(r, data, origin)] }]);
  await create('/rooms/1', {});
  await create('/rooms/1/members/ann', { role: 'owner' });
  for (const n of [1, 2, 3]) await create(`/rooms/1/tasks/${n}`, { secret: n });
  const noted = <Result>(query: Query, result: Result): Result => {
    queries.push(query);
    return result;
  };
  const search = new Search({
    services: {
      store: {
        ...bound(store),
        isSoleWriter: true,
        query: async (query) => noted(query, await store.query(query)),
        count: async (query) => noted({ ...query }, await store.count(query)),
      },
      objects: { heads: (rs) => store.getMany(rs) },
      platform,
      limits: { ...defaultLimits, queryTime: 60_000 },
    },
    ...{ owner: '', auth, model: model('rooms/tasks') },
    filter: bindRql(parseRql('secret > 1'), {}),
    scope: { names: ['rooms', 'tasks'], parents: ['1'] },
    order: { keys: [{ field: 'secret', descending: true }] },
  });
  const page = async () => {
    const hits = await search.page({ start: undefined, skip: 0, limit: 10 });
    return hits.map(({ object }) => object.r);
  };
  return { search, page, queries, lookedUp };
}

test('[LKP5] the store filters and sorts by a field that a rule for the whole collection shows', async () => {
  const { page, search, queries } = await searchBySecret(() => true);
  expect(await page()).toEqual(['/rooms/1/tasks/3', '/rooms/1/tasks/2']);
  expect(await search.count()).toBe(2);
  expect(queries.map(({ filter, order }) => [filter?.kind, order.keys[0]?.field])).toEqual([
    ['comparison', 'secret'],
    ['comparison', '_r'],
  ]);
});

test('[LKP5] the store does not filter by a field that the rule hides', async () => {
  const { page, search, queries } = await searchBySecret(() => false);
  expect(await page()).toEqual([]);
  expect(await search.count()).toBe(0);
  expect(queries.map(({ filter }) => filter)).toEqual([undefined, undefined]);
});

test('[FAC1] nobody finds anything by a field that was hidden from them meanwhile', async () => {
  for (const asked of [0, 1]) {
    const { page } = await searchBySecret((queries) => queries < asked);
    expect(await page()).toEqual([]);
    const { search } = await searchBySecret((queries) => queries < asked);
    expect(await search.count()).toBe(0);
  }
});

test('[FAC1] a field that is shown, hidden and shown again is not sorted by while it is hidden', async () => {
  const { page } = await searchBySecret((queries) => queries !== 1);
  expect(await page()).toEqual(['/rooms/1/tasks/3', '/rooms/1/tasks/2']);
});

const admin: Auth = { uid: 'op', admin: true };

test('[ADM8] for an admin the store filters, and no rule of a field is asked', async () => {
  const { page, queries, lookedUp } = await searchBySecret(() => false, admin);
  expect(await page()).toEqual(['/rooms/1/tasks/3', '/rooms/1/tasks/2']);
  expect(queries.map(({ filter }) => filter?.kind)).toEqual(['comparison']);
  expect(lookedUp).toEqual([]);
});
