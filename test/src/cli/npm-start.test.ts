import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

test('[CLI1] npm start serves the example and its page, and passes flags on', async () => {
  await using folder = await appFolder({});
  const args = ['scripts/start.mjs', '--port', '0', '--data', join(folder.dir, 'data')];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  try {
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const url = /http:\/\/\S+/.exec(line)?.[0] ?? '';
    expect(await (await fetch(url)).text()).toContain('<title>Board</title>');
    using client = await Client.connect(`${url.replace('http', 'ws')}/v0.1/socket`);
    const { body } = await client.request({ cmd: 'count', r: '/boards' });
    expect(body).toEqual({ totalResults: 0 });
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
});
