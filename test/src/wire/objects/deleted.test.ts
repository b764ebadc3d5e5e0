import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

const gone = { code: 410, message: 'object.gone' };
const missing = { code: 404, message: 'object.missing' };

/** Creates an object as its owner, and deletes it. */
async function leaveDeleted(r: string, body: JsonObject): Promise<void> {
  using owner = await server.as('owner');
  expect((await owner.request({ cmd: 'create', r, body })).error).toBeUndefined();
  expect((await owner.request({ cmd: 'delete', r })).error).toBeUndefined();
}

async function errorOf(client: Client, request: JsonObject) {
  const { error } = await client.request(request);
  return error && { code: error.code, message: error.message };
}

/** What a subscribe says of one object, and what is pushed. */
async function subscribed(client: Client, item: JsonObject) {
  const answer = await client.request({ cmd: 'subscribe', body: { subscriptions: [item] } });
  const pushes = await client.pushesUntilNow();
  const [failure] = (answer.body?.failures ?? []) as { error: JsonObject }[];
  return { error: failure?.error, pushes };
}

async function viewOf(client: Client, r: string, owner: string): Promise<string> {
  await client.request({ cmd: 'create', r, body: { owner } });
  const answer = await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
  await client.nextPush();
  return answer.body.subscriptions[0].view as string;
}

/** What every way to ask says of an object. */
async function everything(client: Client, r: string, view: string) {
  const ops = [{ op: 'set', key: 'owner', value: 'x' }];
  const batch = (command: JsonObject) => ({ cmd: 'batch', body: { commands: [command] } });
  return {
    get: await errorOf(client, { cmd: 'get', r }),
    update: await errorOf(client, { cmd: 'update', r, rev: 1, body: { ops } }),
    later: await errorOf(client, { cmd: 'update', r, rev: 9, body: { ops } }),
    delete: await errorOf(client, { cmd: 'delete', r }),
    deleteAt: await errorOf(client, { cmd: 'delete', r, rev: 9 }),
    batchUpdate: await errorOf(client, batch({ cmd: 'update', r, rev: 1, body: { ops } })),
    batchDelete: await errorOf(client, batch({ cmd: 'delete', r })),
    subscribe: await subscribed(client, { r }),
    from1: await subscribed(client, { r, rev: 1 }),
    from2: await subscribed(client, { r, rev: 2 }),
    from9: await subscribed(client, { r, rev: 9 }),
    from1Under: await subscribed(client, { r, rev: 1, view }),
    from9Under: await subscribed(client, { r, rev: 9, view }),
    fromOther: await subscribed(client, { r, rev: 9, view: 'A'.repeat(16) }),
  };
}

async function overHttp(r: string, uid: string) {
  const authorization = `Bearer ${signToken({ uid }, testSecret)}`;
  const ask = async (method: string, headers: Record<string, string> = {}, body?: string) => {
    const url = `${server.url}/v0.1${r}`;
    const init = { method, headers: { authorization, ...headers }, ...(body && { body }) };
    const response = await fetch(url, init);
    const text = (await response.text()).replaceAll(r, '');
    return [response.status, text];
  };
  const json = { 'content-type': 'application/json' };
  const events = { accept: 'text/event-stream' };
  return {
    get: await ask('GET'),
    delete: await ask('DELETE'),
    patch: await ask('PATCH', json, '{"owner":"x"}'),
    events: await ask('GET', events),
    eventsFrom: await ask('GET', { ...events, 'last-event-id': '1' }),
  };
}

test('[DEL5] [ACC6] a deleted object of a hidden collection looks like one that never existed', async () => {
  const r = '/ghosts/deleted';
  await leaveDeleted(r, { owner: 'owner' });
  using other = await server.as('other');
  const view = await viewOf(other, '/ghosts/of-other', 'other');
  const reported = await everything(other, r, view);
  expect(reported).toEqual(await everything(other, '/ghosts/never', view));
  expect(reported.get).toEqual(missing);
  expect(reported.from1Under).toEqual({ error: missing, pushes: [] });
  const asked = await overHttp(r, 'other');
  expect(asked).toEqual(await overHttp('/ghosts/never', 'other'));
  expect(asked.eventsFrom[0]).toBe(404);
});

test('[DEL5] without hidden, a user who may not have seen it learns that it is gone, not by whom or when', async () => {
  const r = '/secrets/deleted';
  await leaveDeleted(r, { owner: 'owner' });
  using other = await server.as('other');
  const view = await viewOf(other, '/secrets/of-other', 'other');
  const reported = await everything(other, r, view);
  const { get, update, later, delete: removed, deleteAt, batchUpdate, batchDelete } = reported;
  for (const error of [get, update, later, removed, deleteAt, batchUpdate, batchDelete]) {
    expect(error).toEqual(gone);
  }
  const { subscribe, from1, from2, from9, from1Under, from9Under, fromOther } = reported;
  for (const one of [subscribe, from1, from2, from9, from1Under, from9Under, fromOther]) {
    expect(one).toEqual({ error: gone, pushes: [] });
  }
});

test('[DEL4] [DEL5] if everybody may read and subscribe, a client that was disconnected receives all of it', async () => {
  const r = '/users/deleted';
  await leaveDeleted(r, { name: 'x' });
  using other = await server.as('other');
  const { error, pushes } = await subscribed(other, { r, rev: 1 });
  expect(error).toBeUndefined();
  expect(pushes).toEqual([
    { evt: 'deleted', r, rev: 2, meta: { opBy: { uid: 'owner' }, at: expect.any(String) } },
  ]);
});

test('[DEL5] [RES5] a client that was subscribed when its connection dropped receives it on resuming, though nobody else does', async () => {
  const r = '/ghosts/left';
  using owner = await server.as('owner');
  await owner.request({ cmd: 'create', r, body: { owner: 'owner' } });
  using client = await server.as('owner');
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
  await client.nextPush();
  const accessToken = signToken({ uid: 'owner' }, testSecret);
  const { body } = await client.request({ cmd: 'initialize', accessToken });
  client.socket.terminate();
  await client.closed;
  await owner.request({ cmd: 'delete', r });
  using again = await Client.open(server.socketUrl);
  const handle = { 'connection-handle': body['connection-handle'], received: 1 };
  const { body: answer } = await again.request({ cmd: 'initialize', accessToken, ...handle });
  expect(answer.resumed).toBe(true);
  expect(await again.nextPush()).toEqual({
    evt: 'deleted',
    r,
    rev: 2,
    meta: { opBy: { uid: 'owner' }, at: expect.any(String) },
  });
});
