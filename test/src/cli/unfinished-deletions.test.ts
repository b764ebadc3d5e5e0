import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { runProgram } from './run-program.js';

const open = 'access: { create: true, read: true, delete: true }\n';
const model = `version: 1\nfields: { n: { type: Long } }\n${open}`;
const app = {
  'models/projects/model.yaml': model,
  'models/projects/tasks/model.yaml': `${model}onParentDeleted: delete\n`,
};
/** As long as it is there, no task is deleted. */
const refusing = { 'models/projects/tasks/pre-delete.js': 'cancel(409, "not.yet");\n' };
const said = 'A deletion is unfinished';

const run = (folder: AppFolder, ...args: string[]) => runProgram(args, { dir: folder.dir });

/** Starts the app without the refusal, and waits until its task is gone. */
async function finish(folder: AppFolder): Promise<void> {
  await folder.write({ 'models/projects/tasks/pre-delete.js': '// It may go.\n' });
  await using server = await ServerProcess.start({ dir: folder.dir });
  await expect.poll(() => server.output.stdout).toContain('a deletion is unfinished');
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }));
  const task = () => client.request({ cmd: 'get', r: '/projects/1/tasks/1' });
  await expect.poll(async () => (await task()).error?.message).toBe('object.gone');
}

test('[CAS5] [CAS7] an unfinished deletion is logged at the start, and goes on after a backup, an export and an import', async () => {
  await using folder = await appFolder({ ...app, ...refusing });
  {
    await using server = await ServerProcess.start({ dir: folder.dir });
    expect(server.output.stdout).not.toContain('unfinished');
    using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }));
    for (const r of ['/projects/1', '/projects/1/tasks/1', '/projects/2', '/projects/2/tasks/1']) {
      await client.request({ cmd: 'create', r, body: {} });
    }
    await client.request({ cmd: 'delete', r: '/projects/1' });
    await expect.poll(() => server.output.stdout).toContain('not.yet');
    expect(await server.stop()).toBe(0);
  }
  expect((await run(folder, 'export', 'plain.ndjson')).stderr).toContain(said);
  expect((await run(folder, 'export', 'whole.ndjson', '--system')).stderr).not.toContain(said);
  await using imported = await appFolder(app);
  const file = `${folder.dir}/whole.ndjson`;
  expect(await run(imported, 'import', file)).toMatchObject({ code: 0 });
  await using restored = await appFolder({ ...app, 'data/.keep': '' });
  expect(await run(folder, 'backup', `${restored.dir}/data/really.db`)).toMatchObject({ code: 0 });
  for (const each of [folder, imported, restored]) await finish(each);
});
