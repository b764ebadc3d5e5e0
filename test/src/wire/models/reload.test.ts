import { rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client, type ServerMessage } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';

const open = 'access: { create: true, read: true, update: true, delete: true }';

/** A model of things with these fields. */
function things(version: number, fields: string, access = open): Record<string, string> {
  const text = `version: ${version}\nfields:\n${fields}\n${access}\n`;
  return { 'models/things/model.yaml': text };
}

const version1 = things(
  1,
  '  title: { type: String }\n  n: { type: Long }\n  old: { type: String }',
);
const version2 = {
  ...things(2, '  title: { type: String }\n  n: { type: Long }\n  twice: { type: Long }'),
  'models/things/evolution-2.js': 'return { ...obj, twice: 2 * obj.n };',
};
const others = {
  'models/others/model.yaml': `version: 1\nfields: { a: { type: String } }\n${open}\n`,
};

class Run implements AsyncDisposable {
  readonly app: AppFolder;
  readonly server: ServerProcess;

  constructor(app: AppFolder, server: ServerProcess) {
    this.app = app;
    this.server = server;
  }

  static async start(
    files: Readonly<Record<string, string>>,
    command: 'start' | 'dev' = 'start',
  ): Promise<Run> {
    const app = await appFolder({ ...files, ...others });
    return new Run(app, await ServerProcess.start({ dir: app.dir, command }));
  }

  as(uid: string): Promise<Client> {
    return Client.connect(this.server.socketUrl, signToken({ uid }, testSecret));
  }

  get log(): string {
    return this.server.output.stdout;
  }

  /** Writes these files, asks for a reload, and waits until the log says how it went. */
  async reload(
    files: Readonly<Record<string, string>>,
    reported = 'the models were loaded again',
  ): Promise<void> {
    await this.app.write(files);
    const before = count(this.log, reported);
    process.kill(this.server.pid, 'SIGHUP');
    await expect.poll(() => count(this.log, reported)).toBeGreaterThan(before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.kill();
    await this.app[Symbol.asyncDispose]();
  }
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

const create = (r: string, body: Record<string, string | number>) => ({ cmd: 'create', r, body });
const subscribe = (...rs: string[]) => ({
  cmd: 'subscribe',
  body: { subscriptions: rs.map((r) => ({ r })) },
});
const set = (r: string, rev: number, key: string, value: string | number) => ({
  cmd: 'update',
  r,
  rev,
  body: { ops: [{ op: 'set', key, value }] },
});

function shapeOf({ evt, r, rev }: ServerMessage): unknown[] {
  return [evt, r, rev].filter((part) => part !== undefined);
}

test('[REL1] [REL2] SIGHUP loads changed models, which apply to stored objects too', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  await client.request(create('/things/1', { title: 'one', n: 4, old: 'x' }));
  await run.reload(version2);
  const got = await client.request({ cmd: 'get', r: '/things/1' });
  expect(got.body).toEqual({ _r: '/things/1', _rev: 1, title: 'one', n: 4, twice: 8 });
  const refused = await client.request(create('/things/2', { title: 'two', old: 'y' }));
  expect(refused.error?.errors).toEqual({ old: ['field.unknown'] });
  const query = { filter: 'twice = 8' };
  const found = await client.request({ cmd: 'count', r: '/things', cmdOpts: { query } });
  expect(found.body.totalResults).toBe(1);
});

test('[REL1] a model that does not load leaves the current one, and is logged as at a start', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  await client.request(create('/things/1', { n: 4 }));
  await run.reload(things(2, '  title: { tipe: String }'), 'those that were in force stay');
  await expect.poll(() => run.log).toMatch(/models\/things\/model\.yaml:3:\d+: /);
  expect((await client.request({ cmd: 'get', r: '/things/1' })).body).toMatchObject({ n: 4 });
  expect((await client.request(create('/things/2', { old: 'y' }))).error).toBeUndefined();
  // Mended, it goes on.
  await run.reload(version2);
  expect((await client.request({ cmd: 'get', r: '/things/1' })).body).toMatchObject({ twice: 8 });
});

test('[REL1] a unique field that stored objects forbid leaves the model in force', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  for (const id of [1, 2]) await client.request(create(`/things/${id}`, { title: 'same' }));
  const unique = things(2, '  title: { type: String, unique: true }\n  n: { type: Long }');
  await run.reload(unique, 'those that were in force stay');
  await expect.poll(() => run.log).toContain('two objects of things have the same value in title');
  expect((await client.request(create('/things/3', { old: 'same' }))).error).toBeUndefined();
});

test('[REL1] in development models are loaded again as they change', async () => {
  await using run = await Run.start(
    { ...version1, 'really.yaml': `secret: ${testSecret}\n` },
    'dev',
  );
  using client = await run.as('u');
  await client.request(create('/things/1', { n: 4 }));
  await run.app.write(version2);
  const get = async () => (await client.request({ cmd: 'get', r: '/things/1' })).body;
  await expect.poll(get).toMatchObject({ n: 4, twice: 8 });
  // A folder that goes and comes back, as with a change of branches.
  const models = join(run.app.dir, 'models');
  await rename(models, `${models}-away`);
  const reported = () => run.server.output.stderr;
  await expect.poll(reported).toContain('there is no folder of models');
  expect(await get()).toMatchObject({ twice: 8 });
  await rename(`${models}-away`, models);
  await run.app.write({ 'models/more/model.yaml': others['models/others/model.yaml'] });
  const more = create('/more/1', { a: 'a' });
  const made = async () => (await client.request(more)).error?.message;
  await expect.poll(made).toBe('object.already.exist');
});

test('[REL1] a models folder that is a link is read at its current target', async () => {
  const inFolder = (name: string, files: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path.replace(/^models/, name), text]),
    );
  await using app = await appFolder({
    ...inFolder('one', version1),
    ...inFolder('two', version2),
  });
  const turn = async (target: string) => {
    await symlink(target, join(app.dir, 'next'));
    await rename(join(app.dir, 'next'), join(app.dir, 'models'));
  };
  await turn('one');
  await using server = await ServerProcess.start({ dir: app.dir });
  using client = await Client.connect(server.socketUrl, signToken({ uid: 'u' }, testSecret));
  const get = async () => (await client.request({ cmd: 'get', r: '/things/1' })).body;
  await client.request(create('/things/1', { n: 4 }));
  await turn('two');
  process.kill(server.pid, 'SIGHUP');
  await expect.poll(get).toMatchObject({ n: 4, twice: 8 });
  // Replaced at once, by a folder of the same name.
  await app.write(inFolder('three', things(3, '  n: { type: Long, validation: value < 5 }')));
  await rm(join(app.dir, 'models'));
  await rename(join(app.dir, 'three'), join(app.dir, 'models'));
  process.kill(server.pid, 'SIGHUP');
  const refused = async () => (await client.request(create('/things/2', { n: 7 }))).error?.code;
  await expect.poll(refused).toBe(409);
});

test('[REL3] [PSH10] subscribers of a changed model get schemaUpdated, and snapshots as of the new version', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  using bystander = await run.as('v');
  await client.request(create('/things/1', { title: 'one', n: 4, old: 'x' }));
  await client.request(create('/others/1', { a: 'a' }));
  await bystander.request(subscribe('/others/1'));
  await bystander.nextPush();
  await client.request(subscribe('/things/1', '/things', '/others/1'));
  const read = {
    cmd: 'read',
    r: '/things',
    cmdOpts: { query: { filter: 'n > 1' }, subscribe: true },
  };
  const { meta } = await client.request(read);
  await client.pushesUntilNow();
  await run.reload(version2);
  const pushes = [await client.nextPush(), await client.nextPush(), await client.nextPush()];
  expect(pushes[0]).toEqual({ evt: 'schemaUpdated', r: '/things/*' });
  const body = { _r: '/things/1', _rev: 1, title: 'one', n: 4, twice: 8 };
  const snapshots = pushes.slice(1);
  const view = expect.stringMatching(/^[\w-]{16}$/);
  const snapshot = { evt: 'snapshot', r: '/things/1', rev: 1, body };
  expect(snapshots).toContainEqual({ ...snapshot, meta: { view } });
  expect(snapshots).toContainEqual({
    evt: 'snapshot',
    r: '/things/1',
    rev: 1,
    body,
    meta: { subscription: meta?.subscription, pos: expect.any(String), view },
  });
  expect(await client.pushesUntilNow()).toEqual([]);
  expect(await bystander.pushesUntilNow()).toEqual([]);
  // All three go on.
  await client.request(set('/things/1', 1, 'n', 5));
  expect((await client.pushesUntilNow()).map(shapeOf)).toEqual([
    ['updated', '/things/1', 2],
    ['updated', '/things/1', 2],
  ]);
  await client.request(create('/things/2', { n: 7 }));
  expect((await client.pushesUntilNow()).map(shapeOf)).toEqual([
    ['created', '/things/*'],
    ['created', '/things/*'],
  ]);
});

test('[REL4] subscriptions that the new model has no place for end with failed; the others go on', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  await client.request(create('/things/1', { title: 'one', n: 4, old: 'x' }));
  await client.request(create('/others/1', { a: 'a' }));
  await client.request(subscribe('/others/1'));
  const fields = { r: '/things/1', fields: ['n', 'old'] };
  await client.request({ cmd: 'subscribe', body: { subscriptions: [fields] } });
  const read = (filter: string) => ({
    cmd: 'read',
    r: '/things',
    cmdOpts: { query: { filter }, subscribe: true },
  });
  const { meta } = await client.request(read("old = 'x'"));
  await client.pushesUntilNow();
  await rm(join(run.app.dir, 'models/others'), { recursive: true });
  await run.reload(version2);
  const pushes: ServerMessage[] = [];
  for (let n = 0; n < 4; n++) pushes.push(await client.nextPush());
  expect(await client.pushesUntilNow()).toEqual([]);
  expect(pushes).toContainEqual({
    evt: 'failed',
    r: '/others/1',
    error: { code: 404, message: 'model.unknown' },
  });
  expect(pushes).toContainEqual({
    evt: 'failed',
    r: '/things/*',
    meta: { subscription: meta?.subscription },
    error: expect.objectContaining({ code: 409, message: 'query.invalid' }),
  });
  expect(pushes).toContainEqual({
    evt: 'snapshot',
    r: '/things/1',
    rev: 1,
    meta: { view: expect.any(String) },
    body: { _r: '/things/1', _rev: 1, n: 4 },
  });
  await client.request(set('/things/1', 1, 'n', 5));
  expect((await client.pushesUntilNow()).map(shapeOf)).toEqual([['updated', '/things/1', 2]]);
});

test('[REL4] rights are checked again: a client that may no longer read receives nothing more', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  using other = await run.as('v');
  await client.request(create('/things/1', { title: 'u', n: 4 }));
  for (const one of [client, other]) {
    await one.request(subscribe('/things/1'));
    await one.request({ cmd: 'read', r: '/things', cmdOpts: { subscribe: true } });
    await one.pushesUntilNow();
  }
  const rules = 'access: { create: true, update: true, read: obj.title == auth.uid }';
  const fields = '  title: { type: String }\n  n: { type: Long }\n  old: { type: String }';
  await run.reload(things(1, fields, rules));
  const reported = [await other.nextPush(), await other.nextPush(), await other.nextPush()];
  expect(reported.map(shapeOf).sort()).toEqual([
    ['failed', '/things/1'],
    ['left', '/things/1', 1],
    ['schemaUpdated', '/things/*'],
  ]);
  // For the same version no known objects are pushed again.
  expect(shapeOf(await client.nextPush())).toEqual(['schemaUpdated', '/things/*']);
  expect(await client.pushesUntilNow()).toEqual([]);
  await client.request(set('/things/1', 1, 'n', 5));
  expect((await client.pushesUntilNow()).map(shapeOf)).toEqual([
    ['updated', '/things/1', 2],
    ['updated', '/things/1', 2],
  ]);
  expect(await other.pushesUntilNow()).toEqual([]);
});

test('[REL5] a client that resumes after a reload receives schemaUpdated and the current objects', async () => {
  await using run = await Run.start(version1);
  using client = await run.as('u');
  await client.request(create('/things/1', { title: 'one', n: 4 }));
  const first = await Client.open(run.server.socketUrl);
  const accessToken = signToken({ uid: 'u' }, testSecret);
  const { body } = await first.request({ cmd: 'initialize', accessToken });
  await first.request(subscribe('/things/1'));
  await first.request({ cmd: 'read', r: '/things', cmdOpts: { subscribe: true } });
  await first.nextPush();
  first.socket.terminate();
  await run.reload(version2);
  using second = await Client.open(run.server.socketUrl);
  const again = await second.request({
    cmd: 'initialize',
    accessToken,
    'connection-handle': body['connection-handle'],
    received: 1,
  });
  expect(again.body.resumed).toBe(true);
  expect(await second.nextPush()).toEqual({ evt: 'schemaUpdated', r: '/things/*' });
  const snapshots = [await second.nextPush(), await second.nextPush()];
  for (const one of snapshots) {
    expect(one).toMatchObject({ evt: 'snapshot', rev: 1, body: { twice: 8 } });
  }
  expect(snapshots.map(({ meta }) => meta?.subscription).sort()).toEqual(['q1', undefined]);
  await second.request(set('/things/1', 1, 'n', 5));
  expect((await second.pushesUntilNow()).map(shapeOf)).toEqual([
    ['updated', '/things/1', 2],
    ['updated', '/things/1', 2],
  ]);
});
