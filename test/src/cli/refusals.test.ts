import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AppFolder, appFolder } from '../harness/app-folder.js';
import { Client } from '../harness/client.js';
import { ServerProcess } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';

const files = {
  'models/notes/model.yaml': `version: 1
fields:
  text: { type: String }
  owner: { type: String, access: { update: value == auth.uid } }
access:
  create: true
  read: obj.owner == auth.uid
  update: true
`,
  'models/notes/hidden/model.yaml': `version: 1
fields: { text: { type: String } }
access: { create: true, hidden: true, read: parent?.owner == auth.uid, update: true }
`,
  'really.yaml': 'types: off\n',
};

/** Is refused in each way, and then answered once more, so that all of it was logged. */
async function beRefused(server: ServerProcess): Promise<unknown[]> {
  const [ann, bob] = await Promise.all(
    ['ann', 'secret-bob'].map((uid) => Client.connect(server.socketUrl, signToken({ uid }))),
  );
  if (!ann || !bob) throw new Error('not connected');
  await ann.request({ cmd: 'create', r: '/notes/1', body: { text: 'secret', owner: 'ann' } });
  await ann.request({ cmd: 'create', r: '/notes/1/hidden/2', body: { text: 'secret' } });
  const set = (key: string) => ({ ops: [{ op: 'set', key, value: 'secret' }] });
  const update = { cmd: 'update', r: '/notes/1', rev: 1, body: set('owner') };
  const answers = [
    await bob.request({ cmd: 'get', r: '/notes/1' }),
    await bob.request(update),
    await bob.request({ cmd: 'batch', body: { commands: [update] } }),
    await bob.request({ cmd: 'delete', r: '/notes/1' }),
    await bob.request({ cmd: 'get', r: '/notes/1/hidden/2' }),
    await bob.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/notes/1' }] } }),
  ];
  const token = signToken({ uid: 'secret-bob' });
  const headers = { authorization: `Bearer ${token}` };
  const overHttp = await fetch(`${server.url}/v0.1/notes/1`, { headers });
  for (const client of [ann, bob]) client.close();
  const { error: last } = (await overHttp.json()) as { error: unknown };
  return [...answers.map(({ error, body }) => error ?? body.failures[0].error), last];
}

const forbidden = { code: 403, message: 'forbidden' };
const errors = { owner: ['field.forbidden'] };
const expected = [
  forbidden,
  { ...forbidden, errors },
  { ...forbidden, errors: { 'commands[0]': ['forbidden'], 'commands[0].owner': errors.owner } },
  forbidden,
  { code: 404, message: 'object.missing' },
  forbidden,
  forbidden,
];

describe('[ACC12] a refusal', () => {
  let app: AppFolder;
  beforeAll(async () => {
    app = await appFolder(files);
  });
  afterAll(() => app[Symbol.asyncDispose]());

  test('in development is in the log with the rule and its place, and without any value', async () => {
    await using server = await ServerProcess.start({ dir: app.dir, command: 'dev' });
    expect(await beRefused(server)).toEqual(expected);
    await server.stop();
    const lines = server.output.stderr.split('\n').filter((line) => line.includes('rule refused'));
    const named = lines.map((line) =>
      /"rule":"(.*?)","at":"(.*?)"/.exec(line)?.slice(1).join(' at '),
    );
    const read = 'read of /notes/* at models/notes/model.yaml:7:9';
    const field = 'update of the field owner of /notes/* at models/notes/model.yaml:4:44';
    expect(named).toEqual([
      read,
      field,
      field,
      'delete, which `access` leaves out, of /notes/* at models/notes/model.yaml',
      'read of /notes/*/hidden/* at models/notes/hidden/model.yaml:3:45',
      read,
      read,
    ]);
    expect(lines.join('').replaceAll('"uid":"secret-bob"', '')).not.toContain('secret');
  });

  test('in production says nothing to anybody', async () => {
    await using server = await ServerProcess.start({ dir: app.dir });
    expect(await beRefused(server)).toEqual(expected);
    await server.stop();
    const { stdout, stderr } = server.output;
    expect(stdout + stderr).not.toMatch(/refused|model\.yaml/);
  });
});
