import { expect, test } from 'vitest';
import type { Client } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';
import { create, project, roomsApp, update } from './rooms-app.js';

const server = wireServer({}, roomsApp);

/** Subscribes to everything of a project in every way, and forgets what comes first. */
async function follow(client: Client) {
  const rs = ['/projects/a/plans', '/projects/a/plans/1', '/projects/a/tasks/1'];
  await client.request({ cmd: 'read', r: '/projects/a/plans', cmdOpts: { subscribe: true } });
  await client.request({ cmd: 'subscribe', body: { subscriptions: rs.map((r) => ({ r })) } });
  await client.pushesUntilNow();
}

async function reload(files: Readonly<Record<string, string>>) {
  await server.folder.write(files);
  process.kill(server.process.pid, 'SIGHUP');
  await expect.poll(() => server.process.output.stdout).toContain('the models were loaded again');
}

test('[LKP4] a new model of the members takes rights away at once, without a change of any member', async () => {
  const members = 'models/projects/members';
  using olga = await server.as('olga');
  using rita = await server.as('rita');
  using eva = await server.as('eva');
  await project(olga, '/projects/a', { rita: 'reader', eva: 'owner' });
  await create(olga, '/projects/a/plans/1', { text: 'one' });
  await create(olga, '/projects/a/tasks/1', { title: 'one', secret: 'one' });
  await follow(rita);
  await follow(eva);
  await reload({
    [`${members}/model.yaml`]: `${roomsApp[`${members}/model.yaml`]}`.replace(
      'version: 1',
      'version: 2',
    ),
    [`${members}/evolution-2.js`]: `
const roles = { olga: "owner", eva: "reader" };
return { ...obj, role: roles[obj._r.split("/").at(-1)] ?? "visitor" };
`,
  });
  await create(olga, '/projects/a/plans/2', { text: 'later' });
  await update(olga, '/projects/a/plans/1', 1, { text: 'later' });
  await update(olga, '/projects/a/tasks/1', 1, { secret: 'later' });
  // Readers may see plans, but no secrets; visitors no plans.
  await expect.poll(() => JSON.stringify(eva.pushes)).toContain('"later"');
  await create(olga, '/projects/a/plans/3', { text: 'last' });
  await expect.poll(() => JSON.stringify(eva.pushes)).toContain('"last"');
  expect(JSON.stringify(eva.pushes)).not.toContain('secret');
  await expect
    .poll(() => rita.pushes.map(({ evt }) => evt).sort())
    .toEqual(['failed', 'failed', 'left']);
  expect(JSON.stringify(await rita.pushesUntilNow())).not.toMatch(/later|last/);
});
