import type { Auth, JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { bound } from '../live/live.fixture.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { type ModelFiles, type TestApp, testApp } from './test-app.fixture.js';

const ann: Auth = { uid: 'ann' };
const open = 'access: { create: true, read: true, update: true, delete: true }';

/** `tasks` with one field of this name; `users`, which `tasks` refer to, as this rule says. */
function models(field: string, readUsers: boolean): ModelFiles {
  return {
    users: `version: 1
fields: { name: { type: String } }
access: { create: true, read: ${readUsers} }
`,
    tasks: `version: 1
fields:
  ${field}: { type: Long, default: 0 }
  owner: { type: reference, collectionR: /users, fields: [name] }
${open}
`,
  };
}

/** An app whose store does `before` at the start of each query. */
async function appWith(before: (app: TestApp) => Promise<void>, files: ModelFiles) {
  let app: TestApp | undefined;
  const opened = await testApp({
    models: files,
    open: (platform) => {
      const store = openMemoryStore({}, platform);
      return {
        ...bound<Store>(store),
        isSoleWriter: true,
        query: async (query) => {
          if (app) await before(app);
          return await store.query(query);
        },
      };
    },
  });
  app = opened;
  return opened;
}

test('[REL2] a read has one set of models to its end, even if they change each time that it runs', async () => {
  let loads = 0;
  const app = await appWith(
    async (opened) => {
      loads += 1;
      await (await opened.reload(models(`n${loads}`, loads % 2 === 0)))();
    },
    models('n0', true),
  );
  await app.send(ann, { cmd: 'create', r: '/users/u', body: { name: 'Ann' } });
  await app.send(ann, { cmd: 'create', r: '/tasks/t', body: { owner: '/users/u' } });
  const { body } = await app.send(ann, { cmd: 'read', r: '/tasks' });
  const [item] = (body as unknown as { items: { meta: JsonObject; body: JsonObject }[] }).items;
  // The last attempt counts: it began with n4, under which users may be read.
  expect(loads).toBe(5);
  expect(item?.meta.fields).toEqual(['n4', 'owner']);
  expect(item?.body.owner).toMatchObject({ ref: { name: 'Ann' } });
  await app.close();
});

test('[REL2] [ENV4] a write that waits for a reload is made by the new models, before later ones', async () => {
  let whilePaused = () => {};
  const app = await testApp({
    models: models('n', true),
    open: (platform) => {
      const store = openMemoryStore({}, platform);
      return {
        ...bound<Store>(store),
        isSoleWriter: true,
        prepare: async (layouts) => {
          await store.prepare(layouts);
          whilePaused();
        },
      };
    },
  });
  await app.send(ann, { cmd: 'create', r: '/tasks/t', body: {} });
  const set = (value: number) => {
    const body = { ops: [{ op: 'set', key: 'n', value }] };
    return app.send(ann, { cmd: 'update', r: '/tasks/t', rev: value, body });
  };
  const makeCurrent = await app.reload({
    tasks: `version: 1
fields: { n: { type: Long }, by: { type: Calculated, valueType: String, dependsOn: n, value: '"new"' } }
${open}
`,
  });
  let waiting: Promise<JsonObject> | undefined;
  whilePaused = () => {
    waiting = set(1);
  };
  await makeCurrent();
  const later = set(2);
  expect([await waiting, await later]).toEqual([
    { r: '/tasks/t', rev: 2 },
    { r: '/tasks/t', rev: 3 },
  ]);
  const { entries } = await app.store.history('/tasks/t', 1, 10);
  expect(entries.map(({ delta }) => Object.keys(delta))).toEqual([['n', 'by'], ['n']]);
  await app.close();
});
