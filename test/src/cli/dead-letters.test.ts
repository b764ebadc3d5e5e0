import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { WebhookReceiver } from '../harness/webhook-receiver.js';
import { type Finished, linesOf, runProgram } from './run-program.js';

let receiver: WebhookReceiver;
let folder: AppFolder;
let server: ServerProcess;

beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  folder = await appFolder({
    'models/things/model.yaml':
      'version: 1\nfields: { name: { type: String } }\naccess: { create: true, read: true }\n',
    'models/things/post-create.js': `
if (obj.name === "event") emit("thing.made", obj._r);
else update("/things/target", { name: obj.name });
`,
    'really.yaml': `webhooks: { away: { url: "${receiver.url}" } }\n`,
  });
  const env = { REALLY_LIMITS_HOOK_ATTEMPTS: '1', REALLY_LIMITS_DEAD_LETTERS: '3' };
  server = await ServerProcess.start({ dir: folder.dir, env });
});

afterAll(async () => {
  await server.kill();
  await receiver[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function deadLetters(...args: string[]): Promise<Finished> {
  const env = { REALLY_SECRET: testSecret };
  return runProgram(['dead-letters', ...args, '--url', server.url], { dir: folder.dir, env });
}

async function make(body: Record<string, string>, r = '/things'): Promise<string> {
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  return (await client.request({ cmd: 'create', r, body })).body._r;
}

async function nameOf(r: string): Promise<string> {
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'ann' }, testSecret));
  return (await client.request({ cmd: 'get', r })).body?.name;
}

async function listed(count: number): Promise<string[][]> {
  const list = async () => linesOf((await deadLetters('list')).stdout).map((l) => l.split('  '));
  await expect.poll(async () => (await list()).length).toBe(count);
  return await list();
}

test('[POST10] a run that was given up is listed, shown, and replayed when its target exists', async () => {
  const r = await make({ name: 'late' });
  const [[id = '', at, ...rest] = []] = await listed(1);
  expect(Date.parse(at ?? '')).toBeGreaterThan(Date.now() - 600_000);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('really_dead_letters_made_total{kind="hook"} 1\n');
  expect(metrics).toContain('really_dead_letters_made_total{kind="webhook"} 0\n');
  const reason = 'update /things/target: 404 object.missing';
  expect(rest).toEqual(['things postCreate', r, '1 attempt', reason]);
  const shown = await deadLetters('show', id);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    ...{ id, kind: 'hook', about: r, attempts: 1, reason },
    work: { hook: 'postCreate', r, rev: 1, data: { name: 'late' }, auth: { uid: 'ann' } },
  });
  await make({ name: 'target' }, '/things/target');
  const replayed = await deadLetters('replay', id);
  expect(replayed).toMatchObject({ code: 0, stdout: 'replayed 1 dead letter\n', stderr: '' });
  await expect.poll(() => nameOf('/things/target')).toBe('late');
  expect(await deadLetters('list')).toMatchObject({
    ...{ code: 0, stdout: '', stderr: 'really: there are no dead letters\n' },
  });
});

test('[POST10] an event that was given up goes out again under its id', async () => {
  receiver.answer = () => ({ status: 410 });
  const r = await make({ name: 'event' });
  const [[id = '', , ...rest] = []] = await listed(1);
  expect(rest).toEqual(['thing.made to away', r, '1 attempt', 'it answered 410']);
  receiver.answer = () => ({ status: 200 });
  await deadLetters('replay', 'all');
  await expect.poll(() => receiver.received.length).toBe(2);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(ids[0]).toBe(ids[1]);
  expect(receiver.received.map(({ json }) => json.data)).toEqual([r, r]);
  expect((await deadLetters('show', id)).code).toBe(1);
});

test('[POST10] no more than the last are kept, and they can be dropped', async () => {
  receiver.answer = () => ({ status: 410 });
  const rs: string[] = [];
  for (let n = 0; n < 5; n++) {
    rs.unshift(await make({ name: 'event' }));
    await expect.poll(() => server.output.stdout).toContain(`thing.made to away for ${rs[0]} was`);
  }
  const letters = await listed(3);
  expect(letters.map(([, , , about]) => about)).toEqual(rs.slice(0, 3));
  const id = letters[0]?.[0] ?? '';
  expect((await deadLetters('drop', id, id)).stderr).toBe(
    `really: there is no dead letter ${id}\n`,
  );
  expect(await deadLetters('drop', 'all')).toMatchObject({
    ...{ code: 0, stdout: 'dropped 2 dead letters\n' },
  });
  await listed(0);
});

test('[POST10] [CLI5] without the secret nothing is shown, and errors are printed in one line', async () => {
  const env = { REALLY_SECRET: 'another-secret-of-many-characters-0123456789' };
  const refused = await runProgram(['dead-letters', 'list', '--url', server.url], {
    ...folder,
    env,
  });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^really: the server at \S+ has another secret .*\n$/);
  const nowhere = ['dead-letters', 'list', '--url', 'http://127.0.0.1:1'];
  expect(await runProgram(nowhere, folder)).toMatchObject({
    code: 1,
    stderr:
      'really: there is no response from http://127.0.0.1:1 (--url says where the server is)\n',
  });
  expect((await deadLetters('show', '12345')).stderr).toBe(
    'really: there is no dead letter 12345\n',
  );
  expect((await runProgram(['dead-letters', 'show'], folder)).code).toBe(2);
  const ask = async (path: string, method = 'GET', secret = testSecret) => {
    const headers = { 'X-Really-Secret': secret };
    return (await fetch(`${server.url}/_dead-letters${path}`, { method, headers })).status;
  };
  expect(await ask('', 'GET', 'no')).toBe(403);
  expect(await ask('/1', 'DELETE', 'no')).toBe(403);
  expect(await ask('/1', 'DELETE')).toBe(404);
  expect(await ask('/1/replay', 'POST')).toBe(404);
  expect(await ask('/a b')).toBe(404);
  expect(await ask('?limit=0')).toBe(400);
  expect(await ask('?limit=5')).toBe(200);
});

test('[POST10] [HOST5] with several apps --app selects the dead letters of one', async () => {
  const secrets = ['one', 'two'].map((name) => `the-secret-of-app-${name}-0123456789abcdef`);
  const files = (app: string) => ({
    [`models/${app}/things/model.yaml`]: 'version: 1\nfields: {}\naccess: { create: true }\n',
    [`models/${app}/things/post-create.js`]: `throw new Error("in ${app}");`,
  });
  await using hosted = await appFolder({
    ...files('one'),
    ...files('two'),
    'really.yaml': `domain: api.example.com
apps:
  one: { secret: ${secrets[0]}, limits.hookAttempts: 1 }
  two: { secret: ${secrets[1]}, limits.hookAttempts: 1 }
`,
  });
  const env = { REALLY_SECRET: '' };
  await using several = await ServerProcess.start({ dir: hosted.dir, env });
  const headers = { Host: 'two.api.example.com' };
  using client = await Client.open(several.socketUrl, { headers });
  await client.request({
    cmd: 'initialize',
    accessToken: signToken({ uid: 'ann' }, secrets[1] ?? ''),
  });
  await client.request({ cmd: 'create', r: '/things', body: {} });
  const { port } = new URL(several.url);
  const list = async (...app: string[]) => {
    return await runProgram(['dead-letters', 'list', '--port', port, ...app], hosted);
  };
  await expect
    .poll(async () => (await list('--app', 'two')).stdout)
    .toContain('models/two/things/post-create.js:1: Error: in two');
  expect(await list('--app', 'one')).toMatchObject({ code: 0, stdout: '' });
  expect(await list()).toMatchObject({
    ...{ code: 2, stderr: 'really: --app is missing: there are one, two\n' },
  });
});
