import type { Auth, JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import type { Model } from '../model/model.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite, deleteWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { Search } from './search.js';

const rooms = 200;
const files = (read: string) => ({
  'rooms/model.yaml': `version: 1
fields: { open: { type: Boolean } }
lookups: { own: "/rooms/{ids.rooms}/members/{auth.uid}" }
access: { read: '${read}' }
`,
  'rooms/members/model.yaml': 'version: 1\nfields: { role: { type: String } }\n',
  'rooms/tasks/model.yaml': `version: 1
fields: {}
lookups: { own: "/rooms/{ids.rooms}/members/{auth.uid}" }
access: { read: '${read}' }
`,
});

/** Two hundred rooms with a task each: in every hundredth Ann is a member, and every fiftieth is open. */
async function filled(read: string) {
  const store = openMemoryStore({}, simulatedPlatform({ seed: 1 }));
  const readLookups = (rs: readonly string[]) => store.getMany(rs);
  const { model, models } = await loaded(files(read), { readLookups });
  await store.prepare(models.all().map(({ layout }) => layout));
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const add = (r: string, data: JsonObject) =>
    store.commit([{ writes: [createWrite(r, data, origin)] }]);
  for (let n = 0; n < rooms; n++) {
    await add(`/rooms/${n}`, { open: n % 50 === 0 });
    await add(`/rooms/${n}/tasks/1`, {});
    await add(`/rooms/${n}/members/ben`, { role: 'owner' });
    if (n % 100 === 7) await add(`/rooms/${n}/members/ann`, { role: 'reader' });
  }
  return { store, model };
}

/** A search of all rooms, or of the tasks of all rooms. */
function searchOf(store: Store, model: Model, auth: Auth): Search {
  const { names } = model;
  return new Search({
    services: {
      store,
      objects: { heads: (rs) => store.getMany(rs) },
      platform: simulatedPlatform({ seed: 1 }),
      limits: { ...defaultLimits, queryTime: 60_000 },
    },
    ...{ owner: '', auth, model, filter: undefined },
    scope: { names, parents: names.slice(1).map(() => '*') },
    order: { keys: [{ field: '_r', descending: false }] },
  });
}

const wholePage = { start: undefined, skip: 0, limit: 1000 };

/** What is found, and how many objects the store had to give. */
async function found(read: string, names: 'rooms' | 'rooms/tasks', uid = 'ann') {
  const { store, model } = await filled(read);
  let given = 0;
  const query = store.query.bind(store);
  store.query = async (asked) => {
    const objects = await query(asked);
    given += objects.length;
    return objects;
  };
  const hits = await searchOf(store, model(names), { uid }).page(wholePage);
  return { rs: hits.map(({ object }) => object.r), given };
}

test.each([
  'own != null',
  'own?.role == "reader"',
  '["reader"].includes(own?.role)',
  'own && true',
])('[LKP5] a read of all rooms looks at those alone in which `%s` can hold', async (rule) => {
  // The memberships, before and after, and what they are for.
  expect(await found(rule, 'rooms')).toEqual({ rs: ['/rooms/107', '/rooms/7'], given: 6 });
  const tasks = await found(rule, 'rooms/tasks');
  expect(tasks).toEqual({ rs: ['/rooms/107/tasks/1', '/rooms/7/tasks/1'], given: 6 });
  expect(await found(rule, 'rooms', 'stranger')).toEqual({ rs: [], given: 0 });
});

test('[LKP5] together with what the rule allows without a membership', async () => {
  const { rs, given } = await found('obj.open == true || own != null', 'rooms');
  expect(rs.map((r) => r.slice(7))).toEqual(['0', '100', '107', '150', '50', '7']);
  expect(given).toBe(2 + 6 + 2);
});

test('[LKP5] where a missing membership allows, each object is looked at, and many memberships are fine', async () => {
  expect((await found('own == null', 'rooms')).rs.length).toBe(rooms - 2);
  expect((await found('own?.role != "owner"', 'rooms')).rs.length).toBe(rooms);
  expect((await found('own != null', 'rooms', 'ben')).rs.length).toBe(rooms);
});

test('[LKP5] whose only membership moves meanwhile finds one of the two rooms', async () => {
  for (const how of ['page', 'count'] as const) {
    const { store, model } = await filled('own != null');
    const query = store.query.bind(store);
    let isMoved = false;
    store.query = async (asked) => {
      const objects = await query(asked);
      if (asked.id === undefined || isMoved) return objects;
      isMoved = true;
      const origin = { by: { uid: 'u' }, at: 2, modelVersion: 1 };
      const ended = objects.map((object) => deleteWrite(object, origin));
      await store.commit([{ writes: [...ended, createWrite('/rooms/8/members/ann', {}, origin)] }]);
      return objects;
    };
    const search = searchOf(store, model('rooms'), { uid: 'ann' });
    if (how === 'count') expect(await search.count()).toBe(1);
    else expect((await search.page(wholePage)).map(({ object }) => object.r)).toEqual(['/rooms/8']);
    expect(isMoved).toBe(true);
  }
});

test('[LKP5] memberships that are too large to be read at once do not narrow a read', async () => {
  const { store, model } = await filled('own != null');
  const query = store.query.bind(store);
  store.query = async (asked) => {
    const objects = await query(asked);
    if (asked.id === undefined || asked.room === undefined) return objects;
    asked.room.isCut = true;
    return objects.slice(0, 1);
  };
  const hits = await searchOf(store, model('rooms'), { uid: 'ann' }).page(wholePage);
  expect(hits.map(({ object }) => object.r)).toEqual(['/rooms/107', '/rooms/7']);
});
