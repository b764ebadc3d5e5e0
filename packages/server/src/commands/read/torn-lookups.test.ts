import type { Auth, JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { bound } from '../../live/live.fixture.js';
import { createWrite } from '../../objects/change.js';
import { openMemoryStore } from '../../store/memory/store.js';
import type { Store } from '../../store/store.js';
import { testApp } from '../test-app.fixture.js';

const open = 'access: { create: true, read: true, update: true, delete: true }';
const models = {
  rooms: `version: 1\nfields: { title: { type: String } }\n${open}\n`,
  'rooms/members': `version: 1\nfields: { role: { type: String } }\n${open}\n`,
  'rooms/tasks': `version: 1
fields: { title: { type: String }, n: { type: Long } }
lookups:
  membership: /rooms/{ids.rooms}/members/{auth.uid}
access:
  create: true
  read: '[obj].some((one) => one.n < 3 && membership?.role == "editor")'
  update: true
`,
  bookmarks: `version: 1
fields: { task: { type: reference, collectionR: '/rooms/*/tasks', fields: [title] } }
${open}
`,
};
const ann: Auth = { uid: 'ann' };
const owner: Auth = { uid: 'owner' };
const membership = '/rooms/1/members/ann';
const task = '/rooms/1/tasks/1';

/**
 * A room in which `ann` may see a task at no time: it becomes one for owners, and then she becomes an editor. Both happen
 * after the task was read for her, and before her membership is.
 */
async function room() {
  let meanwhile: (() => Promise<void>) | undefined;
  let [isTaskRead, isOver] = [false, false];
  const app = await testApp({
    models,
    open: (platform) => {
      const store = openMemoryStore({}, platform);
      return {
        ...bound<Store>(store),
        isSoleWriter: true,
        query: async (query) => {
          const found = await store.query(query);
          isTaskRead = true;
          return found;
        },
        getMany: async (rs) => {
          if (rs.includes(membership) && isTaskRead && !isOver) {
            isOver = true;
            await meanwhile?.();
          }
          return await store.getMany(rs);
        },
      };
    },
  });
  const send = async (command: JsonObject) =>
    expect(await app.send(owner, command)).not.toHaveProperty('error');
  await send({ cmd: 'create', r: '/rooms/1', body: {} });
  await send({ cmd: 'create', r: task, body: { n: 1, title: 'of old' } });
  await send({ cmd: 'create', r: '/bookmarks/1', body: { task } });
  meanwhile = async () => {
    const ops = [{ op: 'set', key: 'n', value: 5 }];
    await send({ cmd: 'update', r: task, rev: 1, body: { ops } });
    // Past the cache, in which this membership is being looked for.
    const origin = { by: owner, at: 1, modelVersion: 1 };
    const write = createWrite(membership, { role: 'editor' }, origin);
    await app.store.commit([{ writes: [write] }]);
  };
  /** Whether it all happened. */
  const isDone = () => isOver;
  const tell = (command: JsonObject) => {
    isTaskRead = command.cmd !== 'read';
    return app.send(ann, command);
  };
  return { tell, isDone, close: () => app.close() };
}

test.each([
  { cmd: 'get', r: task },
  { cmd: 'history', r: task },
  { cmd: 'get', r: '/bookmarks/1' },
  { cmd: 'read', r: '/rooms/1/tasks' },
])(
  '[LKP2] an old revision is not judged by a later state of what is looked up: %o',
  async (command) => {
    const { tell, isDone, close } = await room();
    const answer = JSON.stringify(await tell(command));
    expect(isDone()).toBe(true);
    expect(answer).not.toContain('of old');
    await close();
  },
);
