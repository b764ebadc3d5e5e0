import type { JsonObject } from '@really/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../../harness/client.js';
import { Tracker, type TrackerUser, trackerFiles } from '../../harness/tracker.js';

const forbidden = { code: 403, message: 'forbidden' };
const fieldForbidden = (field: string) => ({
  ...forbidden,
  errors: { [field]: ['field.forbidden'] },
});

const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });

const set = (client: Client, r: string, rev: number, fields: JsonObject) => {
  const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
  return client.request({ cmd: 'update', r, rev, body: { ops } });
};

/** A project of this user, who is its owner. */
async function project(owner: TrackerUser, r: string, name = 'A project'): Promise<void> {
  const commands = [
    { cmd: 'create', r, body: { name, owner: owner.uid } },
    {
      cmd: 'create',
      r: `${r}/members/${owner.uid}`,
      body: { user: owner.uid, role: 'owner' },
    },
  ];
  const { error } = await owner.client.request({ cmd: 'batch', body: { commands } });
  expect(error).toBeUndefined();
}

/** Makes somebody a member by an invitation. */
async function join(owner: TrackerUser, r: string, user: TrackerUser, email: string, role: string) {
  const { name } = (await owner.client.request({ cmd: 'get', r })).body;
  const invited = await create(owner.client, `${r}/invitations`, { email, role, project: name });
  const invitation = invited.body._r;
  const body = { user: user.uid, role, invitation };
  return await create(user.client, `${r}/members/${user.uid}`, body);
}

describe('examples/tracker', () => {
  let tracker: Tracker;
  let amal: TrackerUser;
  let beno: TrackerUser;
  let cora: TrackerUser;
  let mallory: TrackerUser;
  const r = '/projects/move';
  const task = `${r}/tasks/boxes`;

  beforeAll(async () => {
    tracker = await Tracker.start();
    amal = await tracker.signUp('amal');
    beno = await tracker.signUp('beno');
    cora = await tracker.signUp('cora');
    mallory = await tracker.signUp('mallory');
    await project(amal, r, 'Move');
    expect(await join(amal, r, beno, 'beno@example.com', 'editor')).not.toHaveProperty('error');
    expect(await join(amal, r, cora, 'cora@example.com', 'reader')).not.toHaveProperty('error');
    const body = { title: 'Order boxes', author: beno.uid, assignee: beno.uid };
    expect(await create(beno.client, task, body)).toMatchObject({ body: { state: 'open' } });
  });

  afterAll(async () => {
    for (const user of [amal, beno, cora, mallory]) user?.client.socket.terminate();
    await tracker?.[Symbol.asyncDispose]();
  });

  test('the models load without warnings', () => {
    expect(tracker.server.output.stdout).not.toContain('"level":"warn"');
  });

  test('an invited person is informed, and joins once the address is confirmed', async () => {
    const dina = await tracker.signUp('dina', { verified: false });
    const wanted = { email: 'dina@example.com', project: 'Move' };
    const invited = await create(amal.client, `${r}/invitations`, wanted);
    const invitation = invited.body._r;
    const reported = await tracker.event('invitation.created', { email: 'dina@example.com' });
    expect(reported).toEqual({ email: 'dina@example.com', project: 'Move', invitation });
    const body = { user: dina.uid, role: 'editor', invitation };
    const joining = `${r}/members/${dina.uid}`;
    expect((await create(dina.client, joining, body)).error).toEqual(forbidden);
    await tracker.verify('dina');
    const { client } = await tracker.logIn('dina');
    const { items } = (await client.request({ cmd: 'read', r: '/projects/*/invitations' })).body;
    expect(items.map((item: { body: JsonObject }) => item.body._r)).toEqual([invitation]);
    expect(await create(client, joining, body)).toMatchObject({ body: { role: 'editor' } });
    expect(await client.request({ cmd: 'get', r: task })).toMatchObject({
      body: { title: 'Order boxes' },
    });
    for (const each of [client, dina.client]) each.socket.terminate();
  });

  test('somebody without a membership sees nothing and writes nothing', async () => {
    const { client, uid, token } = mallory;
    for (const address of [r, task, `${r}/members/${amal.uid}`]) {
      for (const cmd of ['get', 'history', 'delete']) {
        expect((await client.request({ cmd, r: address })).error, `${cmd} ${address}`).toEqual(
          forbidden,
        );
      }
    }
    for (const address of ['/projects', '/projects/*/tasks', '/projects/*/members']) {
      expect(await client.request({ cmd: 'count', r: address }), address).toMatchObject({
        body: { totalResults: 0 },
      });
    }
    const subscriptions = [{ r: task }, { r: `${r}/tasks` }];
    const { body } = await client.request({ cmd: 'subscribe', body: { subscriptions } });
    expect(body.failures).toMatchObject([{ error: forbidden }, { error: forbidden }]);
    const live = { cmd: 'read', r: `${r}/tasks`, cmdOpts: { subscribe: true } };
    expect((await client.request(live)).error).toEqual(forbidden);
    const own = { title: 'Mine', author: uid };
    expect((await create(client, `${r}/tasks`, own)).error).toEqual(forbidden);
    expect((await set(client, task, 1, { state: 'done' })).error).toEqual(forbidden);
    const membership = { user: uid, role: 'reader' };
    const joining = `${r}/members/${uid}`;
    expect((await create(client, joining, membership)).error).toEqual(forbidden);
    const { items } = (await amal.client.request({ cmd: 'read', r: `${r}/invitations` })).body;
    for (const { body } of items) {
      const stolen = { ...membership, role: body.role, invitation: body._r };
      expect((await create(client, joining, stolen)).error).toEqual(forbidden);
    }
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${tracker.server.url}/v0.1${task}`, { headers })).status).toBe(403);
    expect(await client.pushesUntilNow()).toEqual([]);
  });

  test('an invitation to one project opens no other', async () => {
    await project(mallory, '/projects/trap');
    const trap = { email: 'mallory@example.com', role: 'editor', project: 'A project' };
    const lie = { ...trap, email: 'amal@example.com', project: 'Move' };
    expect((await create(mallory.client, '/projects/trap/invitations', lie)).error).toEqual(
      fieldForbidden('project'),
    );
    const { body } = await create(mallory.client, '/projects/trap/invitations', trap);
    const stolen = { user: mallory.uid, role: 'editor', invitation: body._r };
    const joining = `${r}/members/${mallory.uid}`;
    const { error } = await create(mallory.client, joining, stolen);
    expect(error).toEqual(fieldForbidden('invitation'));
    // In a batch the rules see what was written before, and no more than that.
    const commands = [
      {
        cmd: 'update',
        r: '/projects/trap',
        rev: 1,
        body: { ops: [{ op: 'set', key: 'name', value: 'x' }] },
      },
      { cmd: 'create', r: joining, body: { user: mallory.uid, role: 'owner' } },
    ];
    const batch = await mallory.client.request({ cmd: 'batch', body: { commands } });
    expect(batch.error).toEqual({ ...forbidden, errors: { 'commands[1]': ['forbidden'] } });
  });

  test('a reader reads, and an editor promotes nobody', async () => {
    expect(await cora.client.request({ cmd: 'get', r: task })).toMatchObject({ body: { _rev: 1 } });
    expect((await set(cora.client, task, 1, { state: 'done' })).error).toEqual(forbidden);
    const noted = { title: 'Mine', author: cora.uid };
    expect((await create(cora.client, `${r}/tasks`, noted)).error).toEqual(forbidden);
    for (const { client, uid } of [cora, beno]) {
      const own = `${r}/members/${uid}`;
      expect((await set(client, own, 1, { role: 'owner' })).error).toEqual(forbidden);
      const guest = { email: 'guest@example.com', project: 'Move' };
      expect((await create(client, `${r}/invitations`, guest)).error).toEqual(forbidden);
    }
    expect((await set(beno.client, r, 1, { name: 'Mine' })).error).toEqual(forbidden);
  });

  test('what an editor may not write in a task', async () => {
    const { client, uid } = beno;
    const refused = async (fields: JsonObject) => (await set(client, task, 1, fields)).error;
    expect(await refused({ author: amal.uid })).toEqual(fieldForbidden('author'));
    expect(await refused({ created: '2000-01-01T00:00:00Z' })).toEqual(fieldForbidden('created'));
    expect(await refused({ assignee: mallory.uid })).toEqual({
      code: 409,
      message: 'validation.failed',
      errors: { assignee: ['validation.custom.failed'] },
    });
    expect(await refused({ priority: 9 })).toMatchObject({
      errors: { priority: ['value.not.in.enum'] },
    });
    const asAmal = { title: 'By Amal', author: amal.uid };
    expect((await create(client, `${r}/tasks`, asAmal)).error).toEqual(fieldForbidden('author'));
    const done = { title: 'Done already', author: uid, state: 'done' };
    expect((await create(client, `${r}/tasks`, done)).error).toEqual(fieldForbidden('state'));
  });

  test('a finished task is announced once, and only an owner reopens it', async () => {
    const body = { title: 'Paint', author: beno.uid };
    const { _r } = (await create(beno.client, `${r}/tasks`, body)).body;
    expect(await set(beno.client, _r, 1, { state: 'doing' })).toMatchObject({ rev: 2 });
    expect(await set(beno.client, _r, 2, { state: 'done' })).toMatchObject({ rev: 3 });
    expect(await tracker.event('task.done', { task: _r })).toEqual({
      ...{ task: _r, title: 'Paint', project: 'Move', by: beno.uid },
    });
    expect((await set(beno.client, _r, 3, { state: 'open' })).error).toEqual(
      fieldForbidden('state'),
    );
    expect(await set(amal.client, _r, 3, { state: 'open' })).toMatchObject({ rev: 4 });
    const refused = await cora.client.request({ cmd: 'delete', r: _r });
    expect(refused.error).toEqual(forbidden);
    expect(await beno.client.request({ cmd: 'delete', r: _r })).not.toHaveProperty('error');
  });

  test('a removed member gets nothing that comes later, and may come back', async () => {
    const erin = await tracker.signUp('erin');
    await join(amal, r, erin, 'erin@example.com', 'reader');
    const opened = { cmd: 'read', r: `${r}/tasks`, cmdOpts: { subscribe: true } };
    const { items } = (await erin.client.request(opened)).body;
    const seen = items.map(({ body }: { body: JsonObject }) => body._r);
    expect(seen).toContain(task);
    const membership = `${r}/members/${erin.uid}`;
    await set(amal.client, membership, 1, { role: null });
    const secret = { title: 'A secret', author: amal.uid };
    const { _r } = (await create(amal.client, `${r}/tasks`, secret)).body;
    const taken = new Set<string | undefined>();
    while (taken.size < seen.length) {
      const { evt, r: left } = await erin.client.nextPush();
      expect(evt).toBe('left');
      taken.add(left);
    }
    expect([...taken].toSorted()).toEqual(seen.toSorted());
    expect((await erin.client.request({ cmd: 'get', r: _r })).error).toEqual(forbidden);
    expect(await erin.client.pushesUntilNow()).toEqual([]);
    await set(amal.client, membership, 2, { role: 'reader' });
    expect(await erin.client.request({ cmd: 'get', r: _r })).toMatchObject({
      body: { title: 'A secret' },
    });
    erin.client.socket.terminate();
  });
});

test('[MIG1] tasks of the first version of the tracker are there in the second', async () => {
  const first = `version: 1
fields:
  title: { type: String, required: true }
  author: { type: String, required: true }
  done: { type: Boolean, default: false }
access: { create: true, read: true, update: true }
`;
  const files = trackerFiles();
  const isOfTasks = ([path]: [string, string]) => path.startsWith('models/projects/tasks/');
  const entries = Object.entries(files);
  await using tracker = await Tracker.start({
    ...Object.fromEntries(entries.filter((entry) => !isOfTasks(entry))),
    'models/projects/tasks/model.yaml': first,
  });
  const amal = await tracker.signUp('amal');
  await project(amal, '/projects/1');
  const task = { title: 'Boxes', author: amal.uid };
  await create(amal.client, '/projects/1/tasks/1', task);
  await create(amal.client, '/projects/1/tasks/2', { ...task, done: true });
  amal.client.socket.terminate();
  await tracker.restart(Object.fromEntries(entries.filter(isOfTasks)));
  const { client } = await tracker.logIn('amal');
  const { body } = await client.request({
    cmd: 'read',
    r: '/projects/1/tasks',
    cmdOpts: { sort: 'state', fields: ['title', 'state'] },
  });
  expect(body.items.map((item: { body: JsonObject }) => item.body)).toEqual([
    { _r: '/projects/1/tasks/2', _rev: 1, title: 'Boxes', state: 'done' },
    { _r: '/projects/1/tasks/1', _rev: 1, title: 'Boxes', state: 'open' },
  ]);
  client.socket.terminate();
});
