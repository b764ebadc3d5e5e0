import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../../harness/app-folder.js';
import { Client } from '../../harness/client.js';
import { ServerProcess, testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';

const open = 'access: { create: true, read: true, update: true, delete: true }\n';

const version1 = `version: 1
fields:
  first: { type: String }
  last: { type: String }
  age: { type: String }
${open}`;

const version3 = `version: 3
fields:
  name: { type: String, index: true }
  age: { type: Long, index: true }
  slug: { type: String, unique: true }
  shout: { type: Calculated, valueType: String, dependsOn: name, value: 'this.name + "!"' }
${open}`;

const evolutions = {
  'models/people/evolution-2.js': `
    const { first, last, ...rest } = obj;
    return { ...rest, name: first + ' ' + last };`,
  'models/people/evolution-3.js': `
    if (obj.name === 'Bad One') throw new Error('no');
    return { ...obj, age: Number(obj.age), slug: obj.name.toLowerCase().replace(' ', '-') };`,
};

const people: readonly JsonObject[] = [
  { first: 'Ann', last: 'Lee', age: '31' },
  { first: 'Bob', last: 'Ray', age: '17' },
  { first: 'Cid', last: 'Fox', age: '44' },
];

async function start(app: AppFolder): Promise<ServerProcess> {
  return await ServerProcess.start({ dir: app.dir });
}

function connect(server: ServerProcess): Promise<Client> {
  return Client.connect(server.socketUrl, signToken({ uid: 'u' }, testSecret));
}

/** An app whose people were created under version 1 and whose model is of version 3 now. */
async function evolved(more: readonly JsonObject[] = []): Promise<AppFolder> {
  const app = await appFolder({ 'models/people/model.yaml': version1 });
  await using server = await start(app);
  using client = await connect(server);
  for (const [index, body] of [...people, ...more].entries()) {
    await client.request({ cmd: 'create', r: `/people/${index + 1}`, body });
  }
  const ops = [{ op: 'set', key: 'age', value: '32' }];
  await client.request({ cmd: 'update', r: '/people/1', rev: 1, body: { ops } });
  await app.write({ 'models/people/model.yaml': version3, ...evolutions });
  return app;
}

const read = (filter: string) => ({
  cmd: 'read',
  r: '/people',
  cmdOpts: { query: { filter }, sort: 'age' },
});

function names(items: readonly { body: { name: string } }[]): string[] {
  return items.map(({ body }) => body.name);
}

test('[MIG1] [MIG2] an object is as of the current version when it is read, and keeps its revision', async () => {
  await using app = await evolved();
  await using server = await start(app);
  using client = await connect(server);
  const ann = {
    _r: '/people/1',
    _rev: 2,
    name: 'Ann Lee',
    age: 32,
    slug: 'ann-lee',
    shout: 'Ann Lee!',
  };
  const got = await client.request({ cmd: 'get', r: '/people/1' });
  expect(got.body).toEqual(ann);
  expect(got.meta).toEqual({ fields: ['name', 'age', 'slug', 'shout'] });
  const ops = [{ op: 'addNumber', key: 'age', value: 1 }];
  const update = { cmd: 'update', r: '/people/1', rev: 2, body: { ops } };
  expect(await client.request(update)).toMatchObject({ r: '/people/1', rev: 3 });
  const again = await client.request({ cmd: 'get', r: '/people/1' });
  expect(again.body).toEqual({ ...ann, _rev: 3, age: 33 });
});

test('[MIG5] queries see every object as of the current version, whether it was read before or not', async () => {
  await using app = await evolved();
  await using server = await start(app);
  using client = await connect(server);
  const { body } = await client.request(read('age >= 18'));
  expect(names(body.items)).toEqual(['Ann Lee', 'Cid Fox']);
  const query = { filter: "shout = 'Bob Ray!'" };
  const count = await client.request({ cmd: 'count', r: '/people', cmdOpts: { query } });
  expect(count.body.totalResults).toBe(1);
  const old = await client.request(read("first = 'Ann'"));
  expect(old.error).toMatchObject({ code: 409, message: 'query.invalid' });
});

test('[MIG5] a unique field holds against objects that were not migrated yet', async () => {
  await using app = await evolved();
  await using server = await start(app);
  using client = await connect(server);
  const body = { name: 'Another', slug: 'cid-fox' };
  const refused = await client.request({ cmd: 'create', r: '/people', body });
  expect(refused.error).toMatchObject({ errors: { slug: ['value.not.unique'] } });
});

test('[MIG4] an object that cannot be migrated is a 500 on get, and missing in reads', async () => {
  await using app = await evolved([{ first: 'Bad', last: 'One', age: '5' }]);
  await using server = await start(app);
  using client = await connect(server);
  const got = await client.request({ cmd: 'get', r: '/people/4' });
  expect(got.error).toMatchObject({ code: 500, message: 'internal.server.error' });
  const { body } = await client.request(read('age > 0'));
  expect(names(body.items)).toEqual(['Bob Ray', 'Ann Lee', 'Cid Fox']);
  const count = await client.request({ cmd: 'count', r: '/people' });
  expect(count.body.totalResults).toBe(3);
  const log = () => server.output.stdout;
  await expect.poll(log).toContain('"r":"/people/4"');
  await expect.poll(log).toContain('models/people/evolution-3.js:2');
  // Mended, it is there again.
  await app.write({
    'models/people/evolution-3.js': evolutions['models/people/evolution-3.js'].replace(
      'throw new Error',
      '',
    ),
  });
  await server.stop();
  await using mended = await start(app);
  using later = await connect(mended);
  expect((await later.request(read('age < 10'))).body.items).toHaveLength(1);
});

test('[MIG6] a disconnected client gets a snapshot in place of changes under another version', async () => {
  await using app = await evolved();
  await using server = await start(app);
  using client = await connect(server);
  const subscriptions = [
    { r: '/people/1', rev: 1 },
    { r: '/people/2', rev: 1 },
  ];
  await client.request({ cmd: 'subscribe', body: { subscriptions } });
  const pushes = await client.pushesUntilNow();
  expect(pushes.map(({ evt, r, rev }) => [evt, r, rev]).sort()).toEqual([
    ['snapshot', '/people/1', 2],
    ['snapshot', '/people/2', 1],
  ]);
  expect(pushes.find(({ r }) => r === '/people/2')?.body).toMatchObject({ name: 'Bob Ray' });
});

test('[MIG6] positions from another version are gone', async () => {
  await using app = await evolved();
  await using server = await start(app);
  using client = await connect(server);
  const gone = { code: 410, message: 'position.gone' };
  const subscriptions = [{ r: '/people', pos: '0' }];
  const { body } = await client.request({ cmd: 'subscribe', body: { subscriptions } });
  expect(body.failures).toMatchObject([{ r: '/people/*', error: gone }]);
  const since = { subscribe: true, since: '4' };
  const read = await client.request({ cmd: 'read', r: '/people', cmdOpts: since });
  expect(read.error).toMatchObject(gone);
});
