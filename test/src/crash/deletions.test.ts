import { join } from 'node:path';
import type { JsonObject } from '@really/protocol';
import {
  openSqliteStore,
  type Store,
  type StoredObject,
  silentLog,
  systemPlatform,
} from '@really/server/internal';
import { expect, test, vi } from 'vitest';
import { allEntries } from '../harness/all-entries.js';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { seededRandom } from '../harness/seeded-random.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

/** Tasks of the project that is deleted: `REALLY_TEST_CHILDREN=100000` for the whole number. */
const children = Number(process.env.REALLY_TEST_CHILDREN ?? 2000);
// A hundred thousand took seven minutes on a busy machine.
vi.setConfig({ testTimeout: 300_000 + 15 * children });
/** Every so many tasks one has a comment, and one a note that refers to the project. */
const every = 20;
const batch = 100;

const open = 'access: { create: true, read: true, update: true, delete: true }\n';
const app = {
  'models/projects/model.yaml': `version: 1\nfields: { n: { type: Long } }\n${open}`,
  'models/projects/tasks/model.yaml': `version: 1
fields: { n: { type: Long, unique: true } }
onParentDeleted: delete
${open}`,
  'models/projects/tasks/comments/model.yaml': `version: 1
fields: { n: { type: Long } }
onParentDeleted: delete
${open}`,
  'models/notes/model.yaml': `version: 1
fields:
  n: { type: Long }
  project: { type: reference, collectionR: /projects, onDeleted: unset }
${open}`,
  'really.yaml': 'rate: { commands: 0, address: 0, bytes: 0, addressBytes: 0 }\n',
};

async function fill(client: Client): Promise<void> {
  const commands: JsonObject[] = [];
  const create = (r: string, body: JsonObject) => commands.push({ cmd: 'create', r, body });
  for (const project of ['/projects/1', '/projects/2']) create(project, {});
  for (let n = 0; n < children; n++) {
    create(`/projects/1/tasks/${n}`, { n });
    if (n % every > 0) continue;
    create(`/projects/1/tasks/${n}/comments/1`, { n });
    create(`/projects/2/tasks/${n}`, { n: children + n });
    create(`/notes/${n}`, { n, project: '/projects/1' });
  }
  for (let from = 0; from < commands.length; from += batch) {
    const body = { commands: commands.slice(from, from + batch) };
    const { error } = await client.request({ cmd: 'batch', body });
    if (error) throw new Error(JSON.stringify(error));
  }
}

/** Creates what would escape the deletion, until the socket dies. Resolves with what was answered. */
async function tryToEscape(url: string, name: string): Promise<string[]> {
  const made: string[] = [];
  try {
    const client = await Client.connect(url, signToken({ uid: name }));
    for (let n = children - 1; n >= 0; n--) {
      const tries = [
        { cmd: 'create', r: `/projects/1/tasks/${name}-${n}`, body: {} },
        { cmd: 'create', r: `/projects/1/tasks/${n}/comments/${name}`, body: {} },
        { cmd: 'create', r: `/notes/${name}-${n}`, body: { project: '/projects/1' } },
      ];
      const answers = await Promise.all(tries.map((request) => client.request(request)));
      made.push(...answers.flatMap(({ error }, at) => (error ? [] : [tries[at]?.r ?? ''])));
    }
  } catch {
    // The plug was pulled.
  }
  return made;
}

function openStore(folder: AppFolder): Promise<Store> {
  const file = join(folder.dir, 'data', 'really.db');
  return openSqliteStore({ file }, systemPlatform, silentLog);
}

/** Whether a killed server left a deletion unfinished. */
async function isUnfinished(folder: AppFolder): Promise<boolean> {
  const store = await openStore(folder);
  try {
    return (await living(store, '_cascades')).length > 0;
  } finally {
    await store.close();
  }
}

async function living(store: Store, ...names: string[]): Promise<readonly StoredObject[]> {
  const scope = { names, parents: names.slice(1).map(() => '*') };
  const entries = await allEntries((after, limit) => store.created(scope, after, limit));
  return entries.map(({ object }) => object);
}

test(`[CAS5] kill -9 at any moment: everything below ${children} deleted objects is deleted, once, and nothing else`, async () => {
  await using folder = await appFolder(app);
  const random = seededRandom(20_261_129);
  let unfinished = 0;
  let isOver = false;
  for (let round = 0; !isOver; round++) {
    await using server = await ServerProcess.start({ dir: folder.dir });
    if (round === 0) {
      using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }));
      await fill(client);
      const answer = await client.request({ cmd: 'delete', r: '/projects/1' });
      expect(answer.error).toBeUndefined();
    }
    const escaping = tryToEscape(server.socketUrl, `r${round}`);
    const wait = round * random() * (20 + children / 100);
    await new Promise((resolve) => setTimeout(resolve, wait));
    await server.kill();
    const made = await escaping;
    expect(made.filter((r) => !r.includes('/comments/'))).toEqual([]);
    const isLeft = await isUnfinished(folder);
    unfinished += Number(isLeft);
    isOver = round > 2 && !isLeft;
  }
  // Else this test would show nothing.
  expect(unfinished).toBeGreaterThan(0);
  const store = await openStore(folder);
  try {
    const tasks = await living(store, 'projects', 'tasks');
    const others = Math.ceil(children / every);
    expect(tasks.filter(({ r }) => !r.startsWith('/projects/2/'))).toEqual([]);
    expect(tasks.length).toBe(others);
    expect(await living(store, 'projects', 'tasks', 'comments')).toEqual([]);
    const notes = await living(store, 'notes');
    expect(notes.length).toBe(others);
    expect(notes.filter(({ rev, data }) => rev !== 2 || data.project !== undefined)).toEqual([]);
    const below = { names: ['projects', 'tasks'], parents: ['1'] };
    const entries = await allEntries((after, limit) => store.changes(below, after, limit));
    const deletions = entries.filter(({ change }) => change.type === 'delete');
    expect(deletions.length).toBe(children);
    const odd = deletions.filter(({ change: { cause, by, rev } }) => {
      return cause !== '/projects/1' || by.uid !== 'ann' || rev !== 2;
    });
    expect(odd).toEqual([]);
    for (const name of ['_cascades', '_dead-letters']) {
      expect(await living(store, name)).toEqual([]);
    }
  } finally {
    await store.close();
  }
});
