import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const models = {
  'models/things/model.yaml': `version: 1
fields: { n: { type: Long } }
access: { create: true, read: true, update: true, delete: true }
`,
};

/** Linux: from here on no file of this process may be written beyond so many bytes (setrlimit(2)). */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
}

function canLimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!canLimit())(
  '[DUR11] [DUR6] a disk that takes nothing any more: not ready, 503 for writes, reads go on, and all is well when it does again',
  async () => {
    await using app = await appFolder(models);
    await using server = await ServerProcess.start({ dir: app.dir });
    using client = await Client.connect(server.socketUrl, signToken({ uid: 'writer' }));
    const create = async (n: number) => {
      const { error } = await client.request({ cmd: 'create', r: `/things/${n}`, body: { n } });
      return error?.code;
    };
    const get = async (n: number) => {
      const { body, error } = await client.request({ cmd: 'get', r: `/things/${n}` });
      return error?.code ?? body.n;
    };
    const ready = async () => {
      const response = await fetch(`${server.url}/ready`);
      const { reason } = (await response.json()) as { reason?: string };
      return [response.status, reason];
    };
    expect(await create(1)).toBeUndefined();
    expect(await ready()).toEqual([200, undefined]);

    limitFiles(server.pid, 1);
    expect(await create(2)).toBe(503);
    expect(await ready()).toEqual([503, 'the disk fails']);
    expect([await get(1), await get(2)]).toEqual([1, 404]);
    expect(await create(2)).toBe(503);

    limitFiles(server.pid, 'unlimited');
    await expect.poll(ready).toEqual([200, undefined]);
    expect(await create(2)).toBeUndefined();
    expect([await get(1), await get(2)]).toEqual([1, 2]);
  },
);
