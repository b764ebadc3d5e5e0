import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../conventions/sources.js';
import { appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { linesOf, runProgram } from './run-program.js';

const model = (field: string) => `version: 1
fields: { ${field}: { type: String } }
access: { create: true, read: true, update: true, delete: true }
`;

/** The folder and the configuration that docs/hosting.md shows. */
const page = readFileSync(join(root, 'docs/hosting.md'), 'utf8');
const shown = /```yaml\n# really.yaml\n([^`]+)```/.exec(page)?.[1] ?? '';
const shownVariable = /REALLY_APPS='([^']+)'/.exec(page)?.[1] ?? '';

const example = {
  'really.yaml': shown,
  'models/a6bcc/users/model.yaml': model('name'),
  'models/blog/posts/model.yaml': model('title'),
  'models/blog/posts/comments/model.yaml': model('text'),
};

const withSecrets = {
  REALLY_SECRET: '',
  REALLY_APPS: shownVariable.replaceAll('…', '0123456789abcdef'.repeat(3)),
};

/** The response of this app's socket to a token. */
async function reported(server: ServerProcess, host: string, accessToken: string) {
  using client = await Client.open(server.socketUrl, { headers: { Host: host } });
  return await client.request({ cmd: 'initialize', accessToken });
}

test('[HOST1] [HOST3] [HOST5] the configuration of docs/hosting.md makes a server of two apps', async () => {
  await using folder = await appFolder(example);
  await using server = await ServerProcess.start({ dir: folder.dir, env: withSecrets });
  const run = (...args: string[]) => runProgram(args, { dir: folder.dir, env: withSecrets });
  const token = async (app: string) =>
    (await run('token', '--uid', 'u1', '--app', app)).stdout.trim();
  const [first, second] = [await token('a6bcc'), await token('blog')];
  expect(await reported(server, 'a6bcc.api.example.com', first)).toMatchObject({
    evt: 'initialized',
  });
  expect(await reported(server, 'blog.api.example.com', second)).toMatchObject({
    evt: 'initialized',
  });
  expect(await reported(server, 'blog.api.example.com', first)).toMatchObject({
    error: { code: 401 },
  });
  const checked = await run('models', 'check');
  expect(linesOf(checked.stdout)).toEqual([
    'a6bcc: 1 model is fine: /users/*',
    'blog: 2 models are fine: /posts/*, /posts/*/comments/*',
  ]);
  const types = await run('models', 'types', '--app', 'blog');
  expect(types.stdout).toContain('title');
  expect(types.stdout).not.toContain('name?');
  const config = await run('config', '--app', 'blog');
  expect(config.stdout).toMatch(/^limits\.history +50 +file really\.yaml:9/m);
  expect(config.stdout).toMatch(/^secret +\*{8} +environment REALLY_APPS$/m);
});

test('[HOST5] a command for one app needs to know which', async () => {
  await using folder = await appFolder(example);
  const run = (...args: string[]) => runProgram(args, { dir: folder.dir, env: withSecrets });
  for (const command of [
    ['token', '--uid', 'u'],
    ['models', 'types'],
  ]) {
    const { code, stderr } = await run(...command);
    expect([code, stderr]).toEqual([2, 'really: --app is missing: there are a6bcc, blog\n']);
  }
  const { code, stderr } = await run('token', '--uid', 'u', '--app', 'blg');
  expect([code, stderr]).toEqual([2, 'really: --app: there is no app blg; did you mean blog?\n']);
});

test('[HOST3] [CFG7] the problems of all apps are reported together, and nothing starts', async () => {
  await using folder = await appFolder({
    ...example,
    'models/a6bcc/users/model.yaml': 'version: 1\nfields: { name: { type: Strng } }\n',
    'models/blog/posts/model.yaml': 'version: x\nfields: {}\n',
  });
  const start = await runProgram(['start', '--port', '0'], {
    dir: folder.dir,
    env: { REALLY_APPS: '{"a6bcc":{"secret":"short"}}' },
  });
  expect(start.code).toBe(2);
  const lines = linesOf(start.stderr);
  expect(lines).toEqual([
    expect.stringMatching(/^really: a6bcc: the secret is too short: set apps\.a6bcc\.secret/),
    expect.stringMatching(/^really: a6bcc: .*users\/model\.yaml:2:/),
    expect.stringMatching(/^really: blog: there is no secret/),
    expect.stringMatching(/^really: blog: .*posts\/model\.yaml:1:/),
  ]);
  const check = await runProgram(['models', 'check'], { dir: folder.dir });
  expect(check.code).toBe(1);
  expect(linesOf(check.stderr).map((line) => line.slice(8, 14))).toEqual(['a6bcc:', 'blog: ']);
});

test('[HOST4] [CFG6] in development each app has a random secret of its own', async () => {
  await using folder = await appFolder(example);
  const env = { REALLY_SECRET: '' };
  await using server = await ServerProcess.start({ dir: folder.dir, command: 'dev', env });
  const secret = (app: string) =>
    readFileSync(join(folder.dir, 'data', app, 'development.secret'), 'utf8');
  expect(secret('a6bcc')).not.toBe(secret('blog'));
  const token = await runProgram(['token', '--uid', 'u1', '--app', 'blog'], { dir: folder.dir });
  const answer = await reported(server, 'blog.api.example.com', token.stdout.trim());
  expect(answer.evt).toBe('initialized');
});
