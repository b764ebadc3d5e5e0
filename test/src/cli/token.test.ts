import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { tasks } from './models.js';
import { runProgram } from './run-program.js';

async function userOf(socketUrl: string, accessToken: string) {
  using client = await Client.open(socketUrl);
  return await client.request({ cmd: 'initialize', accessToken });
}

test('[CLI4] [CFG6] a token that was minted before the first start is good in a development server of the folder', async () => {
  await using app = await appFolder(tasks);
  const minted = await runProgram(
    ['token', '--uid', 'amal', '--r', '/tasks/1', '--data', '{"role":"cook"}', '--expires', '2h'],
    app,
  );
  expect(minted).toMatchObject({ code: 0, stderr: '' });
  expect(minted.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  await using server = await ServerProcess.start({
    dir: app.dir,
    command: 'dev',
    env: { REALLY_SECRET: '' },
  });
  const { evt, body } = await userOf(server.socketUrl, minted.stdout.trim());
  expect(evt).toBe('initialized');
  expect(body.user).toEqual({ uid: 'amal', _r: '/tasks/1', data: { role: 'cook' } });
  const life = Date.parse(body.expires) - Date.now();
  expect(life).toBeGreaterThan(7_100_000);
  expect(life).toBeLessThanOrEqual(7_200_000);
});

test('[CLI4] [NUM1] [NUM2] data whose numbers a token would not keep is refused', async () => {
  await using app = await appFolder(tasks);
  for (const [data, path] of [
    ['{"a":[1e400]}', 'a[0]'],
    ['{"id":9007199254740993}', 'id'],
  ] as const) {
    const refused = await runProgram(['token', '--uid', 'amal', '--data', data], app);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain(`expected a number that is kept exactly for ${path}`);
  }
});

test('[CLI4] with a configured secret the token is signed with that, and without --expires it does not expire', async () => {
  await using app = await appFolder(tasks);
  await using server = await ServerProcess.start({ dir: app.dir });
  const mint = (env: Record<string, string>) =>
    runProgram(['token', '--uid', 'amal', '--auth-type', 'staff'], { dir: app.dir, env });
  const good = await mint({ REALLY_SECRET: testSecret });
  const answer = await userOf(server.socketUrl, good.stdout.trim());
  expect(answer.body.user).toMatchObject({ uid: 'amal', authType: 'staff' });
  expect(answer.body.expires).toBeUndefined();
  const other = await mint({});
  const refused = await userOf(server.socketUrl, other.stdout.trim());
  expect(refused.error?.errors).toEqual({ accessToken: ['token.invalid'] });
});
