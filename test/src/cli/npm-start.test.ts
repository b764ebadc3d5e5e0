import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
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
    expect((await fetch(`${url}/really-client.js`)).status).toBe(200);
    using client = await Client.connect(`${url.replace('http', 'ws')}/v0.1/socket`);
    const { body } = await client.request({ cmd: 'count', r: '/boards' });
    expect(body).toEqual({ totalResults: 0 });
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
});

test('[CLI1] the dashboard starts with its machines, which report', async () => {
  await using folder = await appFolder({});
  const args = ['start.js', '--port', '0', '--data', join(folder.dir, 'data'), '--rate', '50'];
  const child = spawn(process.execPath, args, {
    cwd: join(root, 'examples/dashboard'),
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  try {
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const url = /http:\/\/\S+/.exec(line)?.[0] ?? '';
    expect(await (await fetch(url)).text()).toContain('<title>Dashboard</title>');
    expect((await fetch(`${url}/app.js`)).status).toBe(200);
    using client = await Client.connect(`${url.replace('http', 'ws')}/v0.1/socket`);
    const count = async (filter: string) => {
      const cmdOpts = { query: { filter } };
      return (await client.request({ cmd: 'count', r: '/machines', cmdOpts })).body.totalResults;
    };
    await expect.poll(() => count('_rev >= 1')).toBe(1000);
    await expect.poll(() => count('_rev >= 2')).toBeGreaterThan(20);
  } finally {
    child.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
});
