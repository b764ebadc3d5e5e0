import { bindRql, type JsonObject, parseRql } from '@really/protocol';
import { expect, test } from 'vitest';
import { bound } from '../live/live.fixture.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { StoredObject } from '../store/stored-object.js';
import { Search } from './search.js';

const files = {
  'tasks/model.yaml': `version: 1
fields:
  n: { type: Long }
  lead: { type: String }
lookups: { lead: "/people/{obj.lead}" }
access: { create: true, read: 'lead?.open == true' }
`,
  'people/model.yaml': `version: 1
fields: { open: { type: Boolean } }
access: { create: true, read: true }
`,
};

/**
 * Reads `n > 0`, in the order of `n`, of five tasks whose lead is open. While they are judged for the first time, some of
 * them change; `undefined`: deleted.
 */
async function readWhile(changes: Record<string, JsonObject | undefined>, limit = 10) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  const newest = new Map<string, StoredObject>();
  let isJudged = false;
  const { model, models } = await loaded(files, {
    readLookups: async (rs) => {
      const found = await store.getMany(rs);
      isJudged = true;
      return found;
    },
  });
  await store.prepare(models.all().map(({ layout }) => layout));
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const create = (r: string, data: JsonObject) =>
    store.commit([{ writes: [createWrite(r, data, origin)] }]);
  await create('/people/ann', { open: true });
  await create('/people/ben', { open: false });
  for (const n of [1, 2, 3, 4, 5]) await create(`/tasks/${n}`, { n, lead: 'ann' });
  const [lookedUp, queries]: [string[], unknown[]] = [[], []];
  for (const [r, data] of Object.entries(changes)) {
    const object = await store.get(r);
    if (!object) throw new Error(r);
    newest.set(r, { ...object, rev: 2, data: data ?? {}, deleted: data === undefined });
  }
  const search = new Search({
    services: {
      store: {
        ...bound(store),
        isSoleWriter: true,
        query: (query) => {
          queries.push(query);
          return store.query(query);
        },
      },
      objects: {
        heads: (rs) => store.getMany(rs),
        newest: (object) => {
          lookedUp.push(object.r);
          return (isJudged && newest.get(object.r)) || object;
        },
      },
      platform,
      limits: { ...defaultLimits, queryTime: 60_000 },
    },
    ...{ owner: '', auth: { uid: 'ann' }, model: model('tasks') },
    filter: bindRql(parseRql('n > 0'), {}),
    scope: { names: ['tasks'], parents: [] },
    order: { keys: [{ field: 'n', descending: false }] },
  });
  const hits = await search.page({ start: undefined, skip: 0, limit });
  return { rs: hits.map(({ object }) => `${object.r} ${object.data.n}`), queries, lookedUp };
}

const all = ['/tasks/1 1', '/tasks/2 2', '/tasks/3 3', '/tasks/4 4', '/tasks/5 5'];

test('[LKP2] objects that do not change while they are judged are read once', async () => {
  const { rs, queries, lookedUp } = await readWhile({});
  expect(rs).toEqual(all);
  expect(queries).toHaveLength(1);
  expect(lookedUp).toHaveLength(5);
});

test('[LKP2] an object that changes meanwhile is judged again as it is now, and no other one', async () => {
  const change = { '/tasks/2': { n: 2, lead: 'ben' } };
  const { rs, queries, lookedUp } = await readWhile(change);
  expect(rs).toEqual(all.filter((one) => !one.startsWith('/tasks/2')));
  expect(queries).toHaveLength(1);
  expect(lookedUp.slice(5)).toEqual(['/tasks/2']);
});

test('[LKP2] an object that changes meanwhile is where it is now', async () => {
  const { rs } = await readWhile({ '/tasks/2': { n: 3.5, lead: 'ann' } });
  expect(rs).toEqual(['/tasks/1 1', '/tasks/3 3', '/tasks/2 3.5', '/tasks/4 4', '/tasks/5 5']);
});

test('[LKP2] an object that changes meanwhile is not found if the filter does not match it any more', async () => {
  const { rs } = await readWhile({ '/tasks/2': { n: -1, lead: 'ann' } });
  expect(rs).toEqual(all.filter((one) => !one.startsWith('/tasks/2')));
});

test('[LKP2] an object that is deleted meanwhile is not found', async () => {
  const { rs } = await readWhile({ '/tasks/2': undefined });
  expect(rs).toEqual(all.filter((one) => !one.startsWith('/tasks/2')));
});
