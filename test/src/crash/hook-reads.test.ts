import { join } from 'node:path';
import { openSqliteStore, type Store, silentLog, systemPlatform } from '@really/server/internal';
import { expect, test } from 'vitest';
import { allEntries } from '../harness/all-entries.js';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { seededRandom } from '../harness/seeded-random.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const rounds = 6;
const tasks = 250;

const app = {
  'models/projects/model.yaml':
    'version: 1\nfields: { n: { type: Long, default: 0 } }\naccess: { create: true, update: true }\n',
  // What it writes depends on what it reads, and is not the same if it is done twice.
  'models/projects/post-update.js': `
const all = read("/projects/1/tasks", { sort: "_r", limit: 1000 });
const value = get(all[0]._r) ? 1 : 0;
update(all, [{ op: "addNumber", key: "n", value }]);
create("/records", all.map((task) => ({ task: task._r, rev: obj._rev })));
`,
  'models/projects/tasks/model.yaml':
    'version: 1\nfields: { n: { type: Long, default: 0 } }\naccess: { create: true }\n',
  'models/projects/tasks/post-update.js':
    'update("/totals/all", [{ op: "addNumber", key: "n", value: count("/totals") }]);\n',
  'models/records/model.yaml':
    'version: 1\nfields: { task: { type: String }, rev: { type: Long } }\naccess: { read: true }\n',
  'models/totals/model.yaml':
    'version: 1\nfields: { n: { type: Long, default: 0 } }\naccess: { create: true, read: true }\n',
  'really.yaml': 'rate: { commands: 0, address: 0 }\n',
};

async function pending(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^really_post_hooks_pending (\d+)$/m.exec(text)?.[1]);
}

async function everything(store: Store, name: string, parents: readonly string[] = []) {
  const names = parents.length === 0 ? [name] : ['projects', name];
  const scope = { names, parents };
  const entries = await allEntries((after, limit) => store.created(scope, after, limit));
  return entries.map(({ object }) => object);
}

async function createTasks(client: Client): Promise<void> {
  await client.request({ cmd: 'create', r: '/totals/all', body: {} });
  await client.request({ cmd: 'create', r: '/projects/1', body: {} });
  for (let from = 0; from < tasks; from += 50) {
    const commands = Array.from({ length: 50 }, (_, n) => {
      return { cmd: 'create', r: `/projects/1/tasks/${1000 + from + n}`, body: {} };
    });
    await client.request({ cmd: 'batch', body: { commands } });
  }
}

test('[HRD1] [POST1] kill -9 in the middle of a run that is continued: none of its writes is lost, and none is made twice', async () => {
  await using folder = await appFolder(app);
  const random = seededRandom(20_261_129);
  let leftOver = 0;
  for (let round = 0; round < rounds; round++) {
    await using server = await ServerProcess.start({ dir: folder.dir });
    leftOver += Number((await pending(server.url)) > 0);
    using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }));
    if (round === 0) await createTasks(client);
    const recorded = async (): Promise<number> =>
      (await client.request({ cmd: 'count', r: '/records' })).body.totalResults;
    const before = await recorded();
    const ops = [{ op: 'addNumber', key: 'n', value: 1 }];
    await client.request({ cmd: 'update', r: '/projects/1', rev: 1, body: { ops } });
    // The updates are written, and the records follow in three parts.
    await expect.poll(recorded, { interval: 5 }).toBeGreaterThan(before);
    await new Promise((resolve) => setTimeout(resolve, random() * 50));
    await server.kill();
  }
  // Else this test would show nothing.
  expect(leftOver).toBeGreaterThan(0);
  {
    await using server = await ServerProcess.start({ dir: folder.dir });
    await expect.poll(() => pending(server.url)).toBe(0);
    expect(await server.stop()).toBe(0);
    expect(server.output.stdout).not.toContain('dead letter');
  }
  const file = join(folder.dir, 'data', 'really.db');
  const store = await openSqliteStore({ file, history: 1000 }, systemPlatform, silentLog);
  try {
    const held = await everything(store, 'tasks', ['1']);
    expect(held.map(({ data }) => data.n)).toEqual(held.map(() => rounds));
    expect(held).toHaveLength(tasks);
    expect((await store.get('/totals/all'))?.data).toEqual({ n: rounds * tasks });
    const records = (await everything(store, 'records')).map(({ data }) => data);
    const expected = Array.from({ length: rounds }, (_, round) =>
      held.map(({ r }) => ({ task: r, rev: round + 2 })),
    ).flat();
    // Those of an object are in the order of its revisions, also across the parts of a run.
    expect(records).toEqual(expected);
    for (const name of ['_outbox', '_outbox-parts', '_dead-letters']) {
      expect(await everything(store, name)).toEqual([]);
    }
  } finally {
    await store.close();
  }
});
