import type { JsonObject } from '@really/protocol';
import { beforeAll, expect, test } from 'vitest';
import type { Client } from '../harness/client.js';
import { exampleFiles } from '../harness/example.js';
import { wireServer } from './wire-server.js';

const server = wireServer({}, exampleFiles('chat'));
const room = '/rooms/tea';
const forbidden = { code: 403, message: 'forbidden' };
const fieldForbidden = (field: string) => ({
  ...forbidden,
  errors: { [field]: ['field.forbidden'] },
});

let amal: Client;
let beno: Client;
let mallory: Client;

const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });
const set = (client: Client, r: string, fields: JsonObject) => {
  const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
  return client.request({ cmd: 'update', r, rev: 1, body: { ops } });
};

async function addRoom(owner: Client, r: string, user: string) {
  const commands = [
    { cmd: 'create', r, body: { name: 'Tea', owner: user } },
    { cmd: 'create', r: `${r}/members/${user}`, body: { user, name: user } },
  ];
  expect(await owner.request({ cmd: 'batch', body: { commands } })).not.toHaveProperty('error');
}

beforeAll(async () => {
  [amal, beno, mallory] = await Promise.all([
    server.as('amal'),
    server.as('beno'),
    server.as('mallory'),
  ]);
  await addRoom(amal, room, 'amal');
  await create(amal, `${room}/invitations/secret`, { by: 'amal' });
  const body = { user: 'beno', name: 'Beno', invitation: `${room}/invitations/secret` };
  expect(await create(beno, `${room}/members/beno`, body)).not.toHaveProperty('error');
  const hello = await create(beno, `${room}/messages/1`, { text: 'Hello', author: 'beno' });
  expect(hello).not.toHaveProperty('error');
});

test('the models of the chat load without warnings', () => {
  expect(server.process.output.stdout).not.toContain('"level":"warn"');
});

test('a stranger to a room of the chat sees nothing of it, and is nowhere in it', async () => {
  for (const r of [
    room,
    `${room}/members/amal`,
    `${room}/messages/1`,
    `${room}/invitations/secret`,
  ]) {
    expect((await mallory.request({ cmd: 'get', r })).error).toEqual(forbidden);
    const subscribe = { cmd: 'subscribe', body: { subscriptions: [{ r }] } };
    expect((await mallory.request(subscribe)).body.failures).toMatchObject([{ error: forbidden }]);
  }
  for (const name of ['members', 'messages', 'invitations']) {
    const cmdOpts = { subscribe: true };
    const read = await mallory.request({ cmd: 'read', r: `${room}/${name}`, cmdOpts });
    expect(read.error).toEqual(forbidden);
    const all = await mallory.request({ cmd: 'read', r: `/rooms/*/${name}`, cmdOpts });
    expect(all.body.items).toEqual([]);
  }
  expect((await mallory.request({ cmd: 'read', r: '/rooms' })).body.items).toEqual([]);
  expect((await mallory.request({ cmd: 'join', r: room, body: {} })).error).toEqual(forbidden);
});

test('a stranger to a room of the chat writes nothing, and comes in by an invitation to it alone', async () => {
  const text = { text: 'Let me in', author: 'mallory' };
  expect((await create(mallory, `${room}/messages`, text)).error).toEqual(forbidden);
  expect((await create(mallory, `${room}/invitations`, { by: 'mallory' })).error).toEqual(
    forbidden,
  );
  const wave = { cmd: 'send', r: room, body: { event: 'wave' } };
  expect((await mallory.request(wave)).error).toEqual(forbidden);
  await addRoom(mallory, '/rooms/own', 'mallory');
  await create(mallory, '/rooms/own/invitations/1', { by: 'mallory' });
  const join = (more: JsonObject) =>
    create(mallory, `${room}/members/mallory`, { user: 'mallory', name: 'M', ...more });
  expect((await join({})).error).toEqual(forbidden);
  expect((await join({ invitation: `${room}/invitations/guessed` })).error).toBeDefined();
  expect((await join({ invitation: '/rooms/own/invitations/1' })).error).toEqual(
    fieldForbidden('invitation'),
  );
  // Not as somebody else, nor somebody else.
  const body = { name: 'M', invitation: `${room}/invitations/secret` };
  expect((await create(mallory, `${room}/members/cora`, { ...body, user: 'cora' })).error).toEqual(
    fieldForbidden('user'),
  );
  expect(
    (await create(mallory, `${room}/members/cora`, { ...body, user: 'mallory' })).error,
  ).toEqual(fieldForbidden('user'));
});

test('a member of a room of the chat writes as nobody else, and changes nothing of others', async () => {
  const as = { text: 'As if by Amal', author: 'amal' };
  expect((await create(beno, `${room}/messages`, as)).error).toEqual(fieldForbidden('author'));
  const early = { text: 'Early', author: 'beno', at: '2020-01-01T00:00:00.000Z' };
  expect((await create(beno, `${room}/messages`, early)).error).toEqual(fieldForbidden('at'));
  expect(
    (await create(beno, `${room}/messages`, { text: '  ', author: 'beno' })).error,
  ).toMatchObject({
    code: 409,
  });
  expect((await set(beno, `${room}/messages/1`, { text: 'Goodbye' })).error).toEqual(forbidden);
  expect((await amal.request({ cmd: 'delete', r: `${room}/messages/1` })).error).toEqual(forbidden);
  expect((await set(beno, `${room}/members/amal`, { seen: 9 })).error).toEqual(forbidden);
  expect((await set(beno, room, { total: 0 })).error).toEqual(forbidden);
  expect((await set(amal, room, { name: 'Coffee' })).error).toEqual(forbidden);
});

test('messages of the chat are counted for the room, and as seen for whoever wrote them', async () => {
  const at = async (r: string) => (await amal.request({ cmd: 'get', r })).body;

  await create(beno, `${room}/messages`, { text: 'One', author: 'beno' });
  await create(amal, `${room}/messages`, { text: 'Two', author: 'amal' });
  await expect.poll(async () => (await at(room)).total).toBe(3);

  expect((await at(`${room}/members/beno`)).seen).toBe(2);
  expect((await at(`${room}/members/amal`)).seen).toBe(1);
});
