import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram } from '../cli/run-program.js';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const models = {
  'models/things/model.yaml': `version: 1
fields: { n: { type: Long } }
access: { create: true, read: true, update: true, delete: true }
`,
};

test.each([
  ['the lock', ['really.db.lock']],
  ['everything but the database', []],
])(
  '[DUR10] a second server does not start on data in use where somebody deleted %s',
  async (_what, files) => {
    await using app = await appFolder(models);
    await using server = await ServerProcess.start({ dir: app.dir });
    using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }));
    for (let n = 0; n < 5; n++) {
      const { error } = await client.request({ cmd: 'create', r: `/things/${n}`, body: { n } });
      expect(error).toBeUndefined();
    }
    const data = join(app.dir, 'data');
    const all = readdirSync(data).filter((name) => name !== 'really.db');
    for (const name of files.length > 0 ? files : all) rmSync(join(data, name));
    const started = await runProgram(['start', '--port', '0', '--force'], {
      dir: app.dir,
      env: { REALLY_SECRET: testSecret },
    });
    expect(started.stderr).toMatch(/is in use by another process/);
    expect(started.code).toBe(1);
    const answer = await client.request({ cmd: 'create', r: '/things/5', body: {} });
    if (files.length > 0) {
      expect(answer.error).toBeUndefined();
      return;
    }
    // It cannot go on writing; acknowledged writes are there for the next server.
    expect(answer.error?.code).toBe(503);
    const ready = await fetch(`${server.url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: 'away', reason: 'a file of the database was removed' },
    ]);
    await server.stop();
    await using next = await ServerProcess.start({ dir: app.dir });
    using reader = await Client.connect(next.socketUrl, signToken({ uid: 'ann' }));
    const { body } = await reader.request({ cmd: 'count', r: '/things', cmdOpts: {} });
    expect(body.totalResults).toBe(5);
  },
);
