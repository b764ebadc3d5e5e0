import { createParser } from 'eventsource-parser';
import { expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const open = 'access: { create: true, read: true, update: true, delete: true }';
const reference = (onDeleted: string) =>
  `{ type: reference, collectionR: /projects, onDeleted: ${onDeleted} }`;

const server = wireServer(
  {},
  {
    'really.yaml': 'publicData: [name]\n',
    'models/projects/model.yaml': `version: 1\nfields: { name: { type: String } }\n${open}\n`,
    // Nobody may delete or change a task or a note by a command.
    'models/projects/tasks/model.yaml': `version: 1
fields: { title: { type: String, unique: true } }
access: { create: true, read: true }
onParentDeleted: delete
`,
    'models/projects/tasks/post-delete.js':
      'create("/log", { what: obj.title, by: auth.uid, at: obj._rev });\n',
    'models/log/model.yaml': `version: 1
fields: { what: { type: String }, by: { type: String }, at: { type: Long } }
access: { read: true }
`,
    'models/notes/model.yaml': `version: 1
fields: { project: ${reference('unset')}, text: { type: String } }
access: { create: true, read: true }
`,
    'models/bills/model.yaml': `version: 1\nfields: { project: ${reference('refuse')} }\n${open}\n`,
  },
);

async function create(client: Client, r: string, body = {}): Promise<void> {
  expect((await client.request({ cmd: 'create', r, body })).error).toBeUndefined();
}

/** A project with a task and a note, by name. */
async function project(client: Client, name: string): Promise<string> {
  const r = `/projects/${name}`;
  await create(client, r, { name });
  await create(client, `${r}/tasks/1`, { title: name });
  await create(client, `/notes/${name}`, { project: r, text: name });
  return r;
}

/** Pushes until there is one for each of these events, by `evt r`. */
async function pushesOf(client: Client, ...wanted: string[]): Promise<Map<string, ServerMessage>> {
  const found = new Map<string, ServerMessage>();
  while (!wanted.every((key) => found.has(key))) {
    const push = await client.nextPush();
    found.set(`${push.evt} ${push.r}`, push);
  }
  return found;
}

const bob = { uid: 'bob', authType: 'password', data: { name: 'Bob' } };
const claims = { authType: 'password', data: { name: 'Bob', secret: 'x' } };

test('[CAS4] pushes of what follows a deletion have its author and its cause: objects and live queries', async () => {
  using listener = await server.as('ann');
  using deleter = await server.as('bob', claims);
  const r = await project(listener, 'live');
  const subscriptions = [{ r: `${r}/tasks/1`, rev: 1 }, { r: '/notes/live' }];
  await listener.request({ cmd: 'subscribe', body: { subscriptions } });
  for (const collection of [`${r}/tasks`, '/notes']) {
    await listener.request({ cmd: 'read', r: collection, cmdOpts: { subscribe: true } });
  }
  await deleter.request({ cmd: 'delete', r });
  const pushes = await pushesOf(
    listener,
    `deleted ${r}/tasks/1`,
    `left ${r}/tasks/1`,
    'updated /notes/live',
  );
  expect(pushes.get(`deleted ${r}/tasks/1`)).toMatchObject({
    rev: 2,
    meta: { opBy: bob, cause: r },
  });
  expect(pushes.get(`left ${r}/tasks/1`)).toMatchObject({ rev: 2, meta: { opBy: bob, cause: r } });
  expect(pushes.get('updated /notes/live')).toMatchObject({
    rev: 2,
    meta: { opBy: bob, cause: r },
    body: { project: { op: 'set', opValue: null } },
  });
  expect((await listener.request({ cmd: 'get', r: `${r}/tasks/1` })).error).toMatchObject({
    code: 410,
    message: 'object.gone',
  });
  // Its unique value is free.
  await create(listener, '/projects/other', {});
  await create(listener, '/projects/other/tasks/1', { title: 'live' });
});

test('[CAS4] replays have the cause: for objects, live queries and the history', async () => {
  using deleter = await server.as('bob', claims);
  const r = await project(deleter, 'replay');
  const read = (cmdOpts: object) =>
    deleter.request({ cmd: 'read', r: '/notes', cmdOpts: { subscribe: true, ...cmdOpts } });
  const { meta } = await read({ query: { filter: "text = 'replay'" } });
  await deleter.request({
    cmd: 'subscribe',
    body: { subscriptions: [{ r: '/notes/replay' }] },
  });
  const snapshot = await deleter.nextPush();
  await create(deleter, '/notes/marker', { text: 'replay' });
  const marker = (await pushesOf(deleter, 'created /notes/*')).get('created /notes/*');
  await deleter.request({
    cmd: 'unsubscribe',
    body: { subscriptions: [meta?.subscription as string, '/notes/replay'] },
  });
  await deleter.request({ cmd: 'delete', r });
  const history = () =>
    deleter.request({ cmd: 'history', r: '/notes/replay' }).then(({ body }) => body.entries);
  await expect.poll(async () => (await history()).length).toBe(2);
  expect((await history())[0]).toMatchObject({ rev: 2, opBy: bob, cause: r });
  const view = snapshot.meta?.view as string;
  const again = [
    { r: '/notes/replay', rev: 1, view },
    { r: `${r}/tasks/1`, rev: 1 },
  ];
  await deleter.request({ cmd: 'subscribe', body: { subscriptions: again } });
  const pushes = await pushesOf(deleter, 'updated /notes/replay', `deleted ${r}/tasks/1`);
  for (const push of pushes.values()) expect(push.meta).toMatchObject({ opBy: bob, cause: r });
  await read({ query: { filter: "text = 'replay'" }, since: marker?.meta?.pos });
  const replayed = await pushesOf(deleter, 'updated /notes/replay');
  expect(replayed.get('updated /notes/replay')?.meta).toMatchObject({ opBy: bob, cause: r });
});

test('[CAS4] server-sent events have the cause', async () => {
  using deleter = await server.as('bob', claims);
  const r = await project(deleter, 'events');
  const abort = new AbortController();
  const response = await fetch(`${server.url}/v0.1/notes/events`, {
    signal: abort.signal,
    headers: {
      accept: 'text/event-stream',
      authorization: `Bearer ${signToken({ uid: 'ann' }, testSecret)}`,
    },
  });
  const events: ServerMessage[] = [];
  const parser = createParser({ onEvent: ({ data }) => events.push(JSON.parse(data)) });
  const decoder = new TextDecoder();
  await deleter.request({ cmd: 'delete', r });
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (events.some(({ evt }) => evt === 'updated')) break;
  }
  expect(events.at(-1)?.meta).toMatchObject({ opBy: bob, cause: r });
  abort.abort();
});

test('[CAS6] post hooks run for what follows a deletion, with who deleted', async () => {
  using deleter = await server.as('bob', claims);
  const r = await project(deleter, 'hooked');
  await deleter.request({ cmd: 'delete', r });
  const query = { filter: "what = 'hooked'" };
  const read = () => deleter.request({ cmd: 'read', r: '/log', cmdOpts: { query } });
  await expect.poll(async () => (await read()).body.items.length).toBe(1);
  expect((await read()).body.items[0].body).toMatchObject({ by: 'bob', at: 1 });
});

test('[CAS4] what an admin deletes so is in the audit log, too', async () => {
  using admin = await server.as('root', { admin: true });
  const r = await project(admin, 'audited');
  await admin.request({ cmd: 'delete', r });
  await expect.poll(() => server.process.output.stdout).toContain(`"r":"${r}/tasks/1","rev":2`);
});

test('[CAS3] a deletion is refused while something that says so refers to the object, alone and in a batch', async () => {
  using client = await server.as('ann');
  const r = await project(client, 'owing');
  await create(client, '/bills/1', { project: r });
  const refusal = {
    code: 409,
    message: 'object.referenced',
    errors: { project: ['referenced.by: /bills/*'] },
  };
  expect((await client.request({ cmd: 'delete', r })).error).toEqual(refusal);
  const batch = (...commands: { cmd: string; r: string; body?: object }[]) =>
    client.request({ cmd: 'batch', body: { commands } as never });
  const late = { cmd: 'create', r: '/bills/2', body: { project: '/projects/other2' } };
  await create(client, '/projects/other2', {});
  const created = await batch(late, { cmd: 'delete', r: '/projects/other2' });
  expect(created.error).toMatchObject({
    code: 409,
    errors: { 'commands[1]': ['object.referenced'] },
  });
  const reversed = await batch({ cmd: 'delete', r: '/projects/other2' }, late);
  expect(reversed.error?.errors).toHaveProperty(['commands[1]']);
  const response = await fetch(`${server.url}/v0.1${r}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${signToken({ uid: 'ann' }, testSecret)}` },
  });
  expect([response.status, await response.json()]).toMatchObject([
    409,
    { error: { message: 'object.referenced' } },
  ]);
  const paid = await batch({ cmd: 'delete', r: '/bills/1' }, { cmd: 'delete', r });
  expect(paid.error).toBeUndefined();
});

test('[CAS2] a batch may delete a parent and its child, in either order', async () => {
  using client = await server.as('ann');
  using watcher = await server.as('bob');
  for (const name of ['both', 'first']) await create(client, `/projects/${name}`, {});
  const parent = { cmd: 'delete', r: '/projects/both' };
  const other = { cmd: 'delete', r: '/projects/first' };
  await create(client, '/bills/both', {});
  await watcher.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/bills/both' }] } });
  const answer = await client.request({
    cmd: 'batch',
    body: { commands: [parent, { cmd: 'delete', r: '/bills/both' }, other] },
  });
  expect(answer.error).toBeUndefined();
  const pushes = await pushesOf(watcher, 'deleted /bills/both');
  expect(pushes.get('deleted /bills/both')?.meta).not.toHaveProperty('cause');
});
