import type { Auth, JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { bound } from '../../live/live.fixture.js';
import { openMemoryStore } from '../../store/memory/store.js';
import type { Store } from '../../store/store.js';
import { testApp } from '../test-app.fixture.js';

const open = 'access: { create: true, read: true, update: true, delete: true }';
const models = {
  rooms: `version: 1\nfields: { title: { type: String } }\n${open}\n`,
  'rooms/members': `version: 1\nfields: { role: { type: String } }\n${open}\n`,
  'rooms/tasks': `version: 1
fields: { title: { type: String } }
lookups:
  membership: /rooms/{ids.rooms}/members/{auth.uid}
access:
  create: true
  read: membership != null
  delete: true
`,
  bookmarks: `version: 1
fields: { task: { type: reference, collectionR: '/rooms/*/tasks', fields: [title] } }
${open}
`,
};
const ann: Auth = { uid: 'ann' };
const owner: Auth = { uid: 'owner' };

test('[LKP2] nothing is shown of what was committed with the end of a membership, even before that is answered', async () => {
  let commits: Promise<void> | undefined;
  const app = await testApp({
    models,
    open: (platform) => {
      const store = openMemoryStore({}, platform);
      return {
        ...bound<Store>(store),
        isSoleWriter: true,
        commit: async (groups) => {
          const outcomes = await store.commit(groups);
          await commits;
          return outcomes;
        },
      };
    },
  });
  const create = (r: string, body: JsonObject) => ({ cmd: 'create', r, body });
  const batch = (...commands: JsonObject[]) =>
    app.send(owner, { cmd: 'batch', body: { commands: commands as never } });
  await batch(
    create('/rooms/1', {}),
    create('/rooms/1/members/ann', {}),
    create('/rooms/1/tasks/1', { title: 'before' }),
  );
  expect(await app.send(ann, { cmd: 'get', r: '/rooms/1/tasks/1' })).toHaveProperty('body');
  let answer = () => {};
  commits = new Promise((resolve) => {
    answer = resolve;
  });
  const ending = batch(
    { cmd: 'delete', r: '/rooms/1/members/ann' },
    create('/rooms/1/tasks/2', { title: 'later' }),
    create('/bookmarks/1', { task: '/rooms/1/tasks/2' }),
  );
  while ((await app.store.get('/rooms/1/tasks/2')) === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const reported = ['get', 'history']
    .map((cmd) => app.send(ann, { cmd, r: '/rooms/1/tasks/2' }))
    .concat(app.send(ann, { cmd: 'get', r: '/bookmarks/1' }))
    .concat(app.send(ann, { cmd: 'count', r: '/rooms/1/tasks' }));
  await new Promise((resolve) => setImmediate(resolve));
  answer();
  await ending;
  const [got, past, bookmark, count] = await Promise.all(reported);
  expect(got).toMatchObject({ error: { code: 403 } });
  expect(past).toMatchObject({ error: { code: 403 } });
  expect(bookmark).toMatchObject({ body: { task: { error: { code: 403 } } } });
  expect(count).toMatchObject({ body: { totalResults: 0 } });
  await app.close();
});
