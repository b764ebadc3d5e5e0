import { rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../cli/run-program.js';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const models = {
  'models/things/model.yaml': `version: 1
fields: { n: { type: Long } }
access: { create: true, read: true, update: true, delete: true }
`,
};
const answered = 30;
/** The new model of the first start has a position of its own. */
const committed = answered + 1;

/** An app whose server answered writes and was killed. */
async function killedApp(): Promise<{ app: AppFolder; log: string; epoch: string }> {
  const app = await appFolder(models);
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await Client.open(server.socketUrl);
  const accessToken = signToken({ uid: 'writer' });
  const { body } = await client.request({ cmd: 'initialize', accessToken });
  for (let n = 0; n < answered; n++) {
    const answer = await client.request({ cmd: 'create', r: `/things/${n}`, body: { n } });
    expect(answer.error).toBeUndefined();
  }
  await server.kill();
  return { app, log: join(app.dir, 'data', 'really.db-wal'), epoch: body.epoch };
}

async function start(dir: string): ReturnType<typeof runProgram> {
  return await runProgram(['start', '--port', '0', '--host', '127.0.0.1'], {
    dir,
    env: { REALLY_SECRET: testSecret },
  });
}

test('[DUR9] [CLI5] a server does not start without the log of a killed server, in one line and with 2, and --force goes on under another epoch', async () => {
  const { app, log, epoch } = await killedApp();
  await using _ = app;
  rmSync(log);
  const { code, stdout, stderr } = await start(app.dir);
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^really: \S+really\.db lacks the last 31 committed changes: \S+-wal is missing or empty; .*--force.*\n$/,
  );
  const lines = stdout.trim().split('\n');
  const reported = lines.map((line) => JSON.parse(line) as { missing?: number; level: unknown });
  expect(reported.find(({ missing }) => missing !== undefined)?.missing).toBe(committed);

  await using server = await ServerProcess.start({ dir: app.dir, args: ['--force'] });
  using client = await Client.open(server.socketUrl);
  const accessToken = signToken({ uid: 'writer' });
  const { body } = await client.request({ cmd: 'initialize', accessToken });
  expect(body.epoch).not.toBe(epoch);
  const again = await client.request({ cmd: 'create', r: '/things/0', body: { n: 1 } });
  expect(again.error).toBeUndefined();
  await expect.poll(() => server.output.stdout).toContain('went on because of --force');
  await server.kill();
  // Once was enough.
  await using later = await ServerProcess.start({ dir: app.dir });
  expect((await fetch(`${later.url}/ready`)).status).toBe(200);
});

test('[DUR9] a server does not start with half of the log of a killed server', async () => {
  const { app, log } = await killedApp();
  await using _ = app;
  truncateSync(log, Math.floor(statSync(log).size / 2));
  const { code, stderr } = await start(app.dir);
  expect(code).toBe(2);
  expect(stderr).toMatch(/lacks the last \d+ committed changes: \S+ is damaged or an older one/);
});
