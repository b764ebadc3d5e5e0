import type { JsonObject } from '@really/protocol';
import { beforeEach, expect, test } from 'vitest';
import type { Model, ModelSet } from '../model/model.js';
import { loaded, thingYaml } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { silentLog } from '../platform/log.js';
import { type SimulatedPlatform, simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { Query } from '../store/store-reads.js';
import { CurrentStore } from './current-store.js';
import { MigrationFailed } from './migration-failed.js';
import { Migrations, maxListed } from './migrations.js';

const evolution = "if (obj.n === 13) throw new Error('unlucky');\nreturn { n: obj.n + 100 };";
const query: Query = {
  scope: { names: ['things'], parents: [] },
  order: { keys: [{ field: '_r', descending: false }] },
  limit: 1000,
  timeout: 5000,
};

let platform: SimulatedPlatform;
let models: ModelSet;
let model: Model;
let stored: Store;

beforeEach(async () => {
  platform = simulatedPlatform({ seed: 1 });
  stored = openMemoryStore({}, platform);
  const yaml = thingYaml('  n: { type: Long }').replace('version: 1', 'version: 2');
  const files = { 'things/model.yaml': yaml, 'things/evolution-2.js': evolution };
  const all = await loaded(files);
  models = all.models;
  model = all.model('things');
});

/** Things of version 1, with these numbers as their ids. */
async function write(...numbers: number[]): Promise<void> {
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const groups = numbers.map((n) => ({ writes: [createWrite(`/things/${n}`, { n }, origin)] }));
  for (const { kind } of await stored.commit(groups)) expect(kind).toBe('committed');
}

function currentOf(store: Store): CurrentStore {
  const common = { store, models: () => models, platform, log: silentLog };
  return new CurrentStore({ ...common, migrations: new Migrations(common) });
}

function wrapped(changes: Partial<Store>): Store {
  const store = Object.create(stored) as Store;
  for (const name of ['get', 'getMany', 'query', 'count', 'outdated', 'migrate'] as const) {
    Object.assign(store, { [name]: (stored[name] as (...a: never[]) => unknown).bind(stored) });
  }
  return Object.assign(store, { migrated: stored.migrated.bind(stored) }, changes);
}

const dataOf = (object: { data: JsonObject } | undefined) => object?.data;

test('[MIG1] [MIG5] objects are stored as they were read', async () => {
  await write(1, 2);
  const store = currentOf(stored);
  expect(dataOf(await store.get('/things/1'))).toEqual({ n: 101 });
  expect(dataOf(await stored.get('/things/1'))).toEqual({ n: 101 });
  expect(dataOf(await stored.get('/things/2'))).toEqual({ n: 2 });
  expect((await store.getMany(['/things/2', '/things/9'])).map(dataOf)).toEqual([
    { n: 102 },
    undefined,
  ]);
  const { object, entries } = await store.history('/things/2', 0, 10);
  expect(object).toMatchObject({ rev: 1, modelVersion: 2, data: { n: 102 } });
  expect(entries).toMatchObject([{ rev: 1, modelVersion: 1, created: { n: 2 } }]);
});

test('[MIG5] a query migrates the whole collection once, however many queries wait', async () => {
  await write(...Array.from({ length: 600 }, (_, index) => index + 1000));
  let passes = 0;
  const store = currentOf(
    wrapped({
      outdated: (names, version, after, limit) => {
        if (after === 0) passes += 1;
        return stored.outdated(names, version, after, limit);
      },
    }),
  );
  const counts = await Promise.all([store.count(query), store.count(query), store.query(query)]);
  expect(counts.slice(0, 2)).toEqual([600, 600]);
  expect(await store.count(query)).toBe(600);
  expect(passes).toBe(1);
  const { objects } = await stored.outdated(['things'], 2, 0, 10);
  expect(objects).toEqual([]);
});

test('[MIG4] a failed object rejects when read alone, and is left out of many', async () => {
  await write(12, 13, 14);
  const store = currentOf(stored);
  await expect(store.get('/things/13')).rejects.toThrow(MigrationFailed);
  await expect(store.history('/things/13', 0, 10)).rejects.toThrow(MigrationFailed);
  const rs = ['/things/12', '/things/13', '/things/14'];
  expect((await store.getMany(rs)).map(dataOf)).toEqual([{ n: 112 }, undefined, { n: 114 }]);
  expect((await store.query(query)).map(({ r }) => r)).toEqual(['/things/12', '/things/14']);
  expect(await store.count(query)).toBe(2);
  // A page of creations stays full, or it would look like the last one.
  const page = await store.created(query.scope, 0, 2);
  expect(page.entries.map(({ object }) => object.r)).toEqual(['/things/12', '/things/14']);
  expect(dataOf(await stored.get('/things/13'))).toEqual({ n: 13 });
});

test('[MIG5] objects can be read while the store accepts no writes; queries are refused', async () => {
  await write(1);
  let isFull = true;
  const store = currentOf(
    wrapped({
      async migrate(objects) {
        if (isFull) throw new StoreUnavailable('full');
        return await stored.migrate(objects);
      },
    }),
  );
  expect(dataOf(await store.get('/things/1'))).toEqual({ n: 101 });
  expect(dataOf(await stored.get('/things/1'))).toEqual({ n: 1 });
  await expect(store.query(query)).rejects.toThrow(StoreUnavailable);
  isFull = false;
  expect((await store.query(query)).map(dataOf)).toEqual([{ n: 101 }]);
});

test('[MIG5] a query gives up at its timeout; the migration goes on, and the next query finds it done', async () => {
  await write(1);
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const store = currentOf(
    wrapped({
      async migrate(objects) {
        await opened;
        return await stored.migrate(objects);
      },
    }),
  );
  const pending = store.query(query);
  const outcome = expect(pending).rejects.toThrow(StoreUnavailable);
  await new Promise((resolve) => setImmediate(resolve));
  platform.advance(5000);
  await outcome;
  open();
  expect((await store.query(query)).map(dataOf)).toEqual([{ n: 101 }]);
});

test('[MIG1] a concurrent migration that won the race is not overwritten', async () => {
  await write(1);
  const store = currentOf(
    wrapped({
      async migrate(objects) {
        const [first] = objects;
        const faster = { object: { ...objects[0]?.object, data: { n: 7 } }, from: 1 };
        if (first) await stored.migrate([faster as never]);
        return await stored.migrate(objects);
      },
    }),
  );
  expect(dataOf(await store.get('/things/1'))).toEqual({ n: 7 });
  expect(dataOf(await stored.get('/things/1'))).toEqual({ n: 7 });
});

test('[MIG5] a pass stopped by a model change does not mark the collection as migrated', async () => {
  await write(1, 2);
  const store = currentOf(stored);
  const next = (await loaded({ 'things/model.yaml': thingYaml('  n: { type: Long }') })).models;
  const before = models;
  const counting = store.count(query);
  models = next;
  await counting;
  models = before;
  expect(model.currentFrom).toBe(2);
  expect(await currentOf(stored).count(query)).toBe(2);
});

test('[MIG5] a copy of the model waits for the same pass', async () => {
  await write(1, 2);
  const common = { store: stored, models: () => models, platform, log: silentLog };
  const migrations = new Migrations(common);
  await migrations.settled({ ...model }, 5000);
  expect((await stored.outdated(['things'], 2, 0, 10)).objects).toEqual([]);
});

test('[MIG4] [MIG7] the first failures are listed and all are counted', async () => {
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const writes = Array.from({ length: maxListed + 20 }, (_, index) => {
    return createWrite(`/things/unlucky-${index}`, { n: 13 }, origin);
  });
  await stored.commit(writes.map((write) => ({ writes: [write] })));
  await write(1);
  const migrations = new Migrations({
    store: stored,
    models: () => models,
    platform,
    log: silentLog,
  });
  const { count, listed } = await migrations.run(model, () => {});
  expect(count).toBe(maxListed + 20);
  expect(listed.map(({ r }) => r)).toEqual(
    writes.slice(0, maxListed).map(({ object }) => object.r),
  );
  expect(await currentOf(stored).count(query)).toBe(1);
});

/** The store with things of version 1, and models with an evolution of their unique number. */
async function storeWithNumbers(evolution: string, ...numbers: number[]): Promise<CurrentStore> {
  const yaml = thingYaml('  no: { type: Long, unique: true }');
  const before = await loaded({ 'things/model.yaml': yaml });
  await stored.prepare([before.model('things').layout]);
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  for (const no of numbers) {
    const write = createWrite(`/things/${no}`, { no }, origin);
    expect(await stored.commit([{ writes: [write] }])).toMatchObject([{ kind: 'committed' }]);
  }
  const files = { 'things/model.yaml': yaml.replace('version: 1', 'version: 2') };
  const after = await loaded({ ...files, 'things/evolution-2.js': evolution });
  ({ models } = after);
  await stored.prepare([after.model('things').layout]);
  return currentOf(stored);
}

const twenty = Array.from({ length: 20 }, (_, index) => index + 1);

test('[MIG8] objects with changing unique values are migrated one by one, in any order', async () => {
  for (const [evolution, moved] of [
    ['return { no: obj.no + 1 };', (no: number) => no + 1],
    ['return { no: 21 - obj.no };', (no: number) => 21 - no],
    ['return { no: -obj.no };', (no: number) => -no],
  ] as const) {
    stored = openMemoryStore({}, platform);
    const store = await storeWithNumbers(evolution, ...twenty);
    for (const no of [...twenty.slice(0, 5), ...twenty.slice(5).reverse()]) {
      expect(dataOf(await store.get(`/things/${no}`)), evolution).toEqual({ no: moved(no) });
      expect(dataOf(await stored.get(`/things/${no}`))).toEqual({ no: moved(no) });
    }
  }
});

test('[MIG8] a query migrates a whole collection whose unique values change', async () => {
  const store = await storeWithNumbers('return { no: 21 - obj.no };', ...twenty);
  const order = { keys: [{ field: 'no', descending: false }] };
  const found = await store.query({ ...query, order });
  expect(found.map(({ data }) => data.no)).toEqual(twenty);
});

test('[MIG8] two objects that end with the same unique value are listed, and still readable', async () => {
  const store = await storeWithNumbers('return { no: Math.max(obj.no, 3) };', 1, 2, 3, 4);
  for (const no of [1, 2, 3, 4]) {
    expect(dataOf(await store.get(`/things/${no}`))).toEqual({ no: Math.max(no, 3) });
  }
  const all = ['/things/1', '/things/2'];
  expect((await store.getMany(all)).map(dataOf)).toEqual([{ no: 3 }, { no: 3 }]);
  const common = { store: stored, models: () => models, platform, log: silentLog };
  const current = models.get(['things']) ?? model;
  const failures = await new Migrations(common).run(current, () => {});
  expect(failures.count).toBe(2);
  expect(failures.listed.map(({ reason }) => reason)).toEqual(
    Array(2).fill('another object has its value in no, which is unique'),
  );
});
