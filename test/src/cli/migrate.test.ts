import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { runProgram } from './run-program.js';

const access = 'access: { create: true, read: true, update: true }\n';
const version1 = `version: 1\nfields: { n: { type: Long } }\n${access}`;
const version2 = `version: 2\nfields: { n: { type: Long }, twice: { type: Long } }\n${access}`;
const secret = { REALLY_SECRET: testSecret };

function evolution(refused: number): string {
  return `if (obj.n === ${refused}) throw new Error('not this one');\nreturn { n: obj.n, twice: 2 * obj.n };\n`;
}

async function connect(server: ServerProcess): Promise<Client> {
  return await Client.connect(server.socketUrl, signToken({ uid: 'u' }, testSecret));
}

function create(r: string, n: number): JsonObject {
  return { cmd: 'create', r, body: { n } };
}

/** Things of a first version, in two collections. */
async function grown(count: number): Promise<AppFolder> {
  const app = await appFolder({
    'models/things/model.yaml': version1,
    'models/things/parts/model.yaml': version1,
  });
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await connect(server);
  for (let n = 1; n <= count; n++) await client.request(create(`/things/${n}`, n));
  await client.request(create('/things/1/parts/1', 1));
  await server.stop();
  return app;
}

const readAll = { cmd: 'read', r: '/things', cmdOpts: { query: { filter: 'twice > 0' } } };

test('[MIG7] migrate brings every object of every collection to the version of its model, once', async () => {
  await using app = await grown(300);
  await app.write({
    'models/things/model.yaml': version2,
    'models/things/evolution-2.js': evolution(0),
    'models/things/parts/model.yaml': version2,
    'models/things/parts/evolution-2.js': evolution(0),
  });
  const first = await runProgram(['migrate'], { dir: app.dir, env: secret });
  expect(first).toMatchObject({
    code: 0,
    stdout: '/things/*: 300 objects migrated\n/things/*/parts/*: 1 object migrated\n',
  });
  expect(first.stderr).toContain('really: migrating /things/*: 0 of 300 objects (0 %)\n');
  const second = await runProgram(['migrate'], { dir: app.dir, env: secret });
  expect(second).toEqual({ code: 0, stdout: 'there is nothing to migrate\n', stderr: '' });
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await connect(server);
  const got = await client.request({ cmd: 'get', r: '/things/7' });
  expect(got.body).toEqual({ _r: '/things/7', _rev: 1, n: 7, twice: 14 });
});

test('[MIG7] objects that cannot be migrated are named with the line of the script, and the others are migrated', async () => {
  await using app = await grown(3);
  await app.write({
    'models/things/model.yaml': version2,
    'models/things/evolution-2.js': evolution(2),
  });
  const { code, stdout, stderr } = await runProgram(['migrate'], { dir: app.dir, env: secret });
  expect(code).toBe(1);
  expect(stdout).toBe('/things/*: 2 objects migrated, 1 cannot be migrated\n');
  expect(stderr).toContain(
    'really: /things/2: models/things/evolution-2.js:1: Error: not this one',
  );
});

test('[MIG7] a running server is asked to do it, and goes on serving', async () => {
  await using app = await grown(300);
  await app.write({
    'models/things/model.yaml': version2,
    'models/things/evolution-2.js': evolution(2),
  });
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await connect(server);
  const port = new URL(server.url).port;
  const run = runProgram(['migrate', '--port', port], { dir: app.dir, env: secret });
  const answer = await client.request(create('/things/new', 9));
  expect(answer.error).toBeUndefined();
  const { code, stdout, stderr } = await run;
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: '/things/*: 299 objects migrated, 1 cannot be migrated\n',
  });
  expect(stderr).toContain(
    'really: /things/2: models/things/evolution-2.js:1: Error: not this one',
  );
  const { body } = await client.request({ ...readAll, cmdOpts: { includeTotalCount: true } });
  expect(body.totalResults).toBe(300);
});

test('[MIG7] [CLI5] a wrong secret or a missing server is reported in one line', async () => {
  await using app = await grown(1);
  await using server = await ServerProcess.start({ dir: app.dir });
  const port = new URL(server.url).port;
  const other = { REALLY_SECRET: `${testSecret}-another` };
  const refused = await runProgram(['migrate', '--port', port], { dir: app.dir, env: other });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/^really: the server at \S+ has another secret [^\n]*\n$/);
  const nowhere = await runProgram(['migrate', '--data', 'other'], { dir: app.dir, env: secret });
  expect(nowhere).toMatchObject({ code: 1, stdout: '' });
  expect(nowhere.stderr).toMatch(/^really: there is no database at \S+other\/really\.db\n$/);
  const nobody = await runProgram(['migrate', '--port', '1'], { dir: app.dir, env: secret });
  expect(nobody).toMatchObject({ code: 1, stdout: '' });
  expect(nobody.stderr).toMatch(/^really: the data is in use, and there is no response [^\n]*\n$/);
});
