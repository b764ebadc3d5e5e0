import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
import { Events } from '../../harness/events.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const app = {
  'models/boards/model.yaml': `version: 1
fields:
  title: { type: String }
  members: { type: List, items: String }
  editors: { type: List, items: String }
access:
  create: true
  read: obj.members == undefined || obj.members.includes(auth.uid)
  update: true
  delete: true
  present: obj.editors == undefined || obj.editors.includes(auth.uid)
  send: obj.editors == undefined || obj.editors.includes(auth.uid)
`,
  'models/vaults/model.yaml': `version: 1
fields:
  owner: { type: String }
access: { hidden: true, create: true, read: obj.owner == auth.uid }
`,
};

const server = wireServer({}, app);

let boards = 0;

async function newBoard(client: Client, body: JsonObject = {}): Promise<string> {
  const r = `/boards/b${++boards}`;
  expect(await client.request({ cmd: 'create', r, body })).toMatchObject({ body: { _rev: 1 } });
  return r;
}

const join = (client: Client, r: string, state?: JsonObject) =>
  client.request({ cmd: 'join', r, body: state === undefined ? {} : { state } });

/** The next push of a room, whatever else comes. */
async function nextOf(client: Client, evt: string): Promise<ServerMessage> {
  for (;;) {
    const push = await client.nextPush();
    if (push.evt === evt) return push;
  }
}

describe('a room', () => {
  test('[PRS1] [PRS2] a join answers with the list, the count and an opaque id, and others see it', async () => {
    using amal = await server.as('amal', { authType: 'password' });
    using badr = await server.as('badr');
    const r = await newBoard(amal);
    const first = await join(amal, `${r}/`, { typing: false });
    const { me } = first.body;
    expect(first).toEqual({
      tag: expect.any(Number),
      r,
      body: {
        me,
        count: 1,
        members: [
          { id: me, user: { uid: 'amal', authType: 'password' }, state: { typing: false } },
        ],
      },
    });
    expect(me).toMatch(/^m[\w-]{22}$/);
    const second = await join(badr, r, {});
    expect(second.body.count).toBe(2);
    expect(second.body.members[0].id).toBe(me);
    expect(await nextOf(amal, 'presence')).toEqual({
      evt: 'presence',
      eph: true,
      r,
      body: {
        joined: [{ id: second.body.me, user: { uid: 'badr' }, state: {} }],
        changed: [],
        left: [],
        count: 2,
      },
    });
    // Badr had both in the list.
    expect(await badr.pushesUntilNow()).toEqual([]);
  });

  test('[PRS3] a change of the state merges, null removes, and all watchers get the whole state', async () => {
    using amal = await server.as('amal');
    using badr = await server.as('badr');
    const r = await newBoard(amal);
    const { me } = (await join(amal, r, { typing: false, x: 1, pen: { color: 'red' } })).body;
    const watching = await join(badr, r);
    expect(watching.body).toMatchObject({ count: 1, members: [{ id: me }] });
    const body = { typing: true, x: null, pen: { size: 2 } };
    const answer = await amal.request({ cmd: 'present', r, body });
    expect(answer).toEqual({ tag: expect.any(Number), r });
    const changed = [{ id: me, state: { typing: true, pen: { size: 2 } } }];
    for (const client of [amal, badr]) {
      expect((await nextOf(client, 'presence')).body).toEqual({
        ...{ joined: [], changed, left: [], count: 1 },
      });
    }
  });

  test('[PRS4] a message reaches all who watch, in order, with its sender', async () => {
    using amal = await server.as('amal', { authType: 'password' });
    using badr = await server.as('badr');
    const r = await newBoard(amal);
    const { me } = (await join(amal, r, {})).body;
    await join(badr, r);
    const data = { at: [1, 2] };
    for (const event of ['wave', 'nod']) {
      const answer = await amal.request({ cmd: 'send', r, body: { event, data } });
      expect(answer).toEqual({ tag: expect.any(Number), r });
    }
    for (const client of [amal, badr]) {
      const opBy = { uid: 'amal', authType: 'password' };
      const sent = { evt: 'sent', eph: true, r, meta: { member: me, opBy } };
      expect(await nextOf(client, 'sent')).toEqual({ ...sent, body: { event: 'wave', data } });
      expect(await nextOf(client, 'sent')).toEqual({ ...sent, body: { event: 'nod', data } });
    }
  });

  test('[PRS4] the sender gets the response before the message, and before what the message made be told', async () => {
    using amal = await server.as('amal');
    const r = await newBoard(amal);
    await join(amal, r, {});
    const came: string[] = [];
    amal.socket.on('message', (data) => {
      const { tag, evt } = JSON.parse(data.toString()) as ServerMessage;
      came.push(evt ?? `answer ${tag}`);
    });
    for (const n of [1, 2]) {
      amal.send({ tag: 1000 + n, cmd: 'present', r, body: { n } });
      amal.send({ tag: 2000 + n, cmd: 'send', r, body: { event: 'wave' } });
    }
    for (let n = 0; n < 2; n++) await nextOf(amal, 'sent');
    // Each change of the state is told after its answer, at the latest with the message after it.
    const order = came.filter((what) => what !== 'presence');
    expect(order).toEqual([
      'answer 1001',
      'answer 2001',
      'sent',
      'answer 1002',
      'answer 2002',
      'sent',
    ]);
    expect(came.indexOf('presence')).toBeGreaterThan(came.indexOf('answer 1001'));
  });

  test('[PRS5] who leaves is gone for the others, and gets no more pushes', async () => {
    using amal = await server.as('amal');
    using badr = await server.as('badr');
    const r = await newBoard(amal);
    const { me } = (await join(amal, r, {})).body;
    await join(badr, r, {});
    await nextOf(amal, 'presence');
    expect(await amal.request({ cmd: 'leave', r })).toEqual({ tag: expect.any(Number), r });
    expect((await nextOf(badr, 'presence')).body).toEqual({
      ...{ joined: [], changed: [], left: [me], count: 1 },
    });
    await badr.request({ cmd: 'send', r, body: { event: 'bye' } });
    expect(await amal.pushesUntilNow()).toEqual([]);
    expect(await amal.request({ cmd: 'leave', r })).toMatchObject({
      error: { code: 404, message: 'subscription.missing' },
    });
    expect(await amal.request({ cmd: 'present', r, body: {} })).toMatchObject({
      error: { code: 404, message: 'subscription.missing' },
    });
  });
});

describe('a session', () => {
  const initialize = async (uid: string, more: JsonObject = {}) => {
    const client = await Client.open(server.socketUrl);
    const accessToken = signToken({ uid }, testSecret);
    const { body } = await client.request({ cmd: 'initialize', accessToken, ...more });
    return { client, body };
  };
  const handleOf = (body: JsonObject) => ({ 'connection-handle': body['connection-handle'] ?? '' });

  test('[PRS6] [PRS9] a resume is not noticed, keeps the id, and brings the list in place of what was missed', async () => {
    using badr = await server.as('badr');
    const r = await newBoard(badr);
    const { client, body } = await initialize('amal');
    await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r }] } });
    await nextOf(client, 'snapshot');
    const { me } = (await join(client, r, { x: 1 })).body;
    await join(badr, r);
    await badr.request({ cmd: 'send', r, body: { event: 'wave' } });
    await nextOf(client, 'sent');
    const op = { op: 'set', key: 'title', value: 'T' };
    await badr.request({ cmd: 'update', r, rev: 1, body: { ops: [op] } });
    await nextOf(client, 'updated');
    client.socket.terminate();
    await client.closed;
    await badr.request({ cmd: 'update', r, rev: 2, body: { ops: [op] } });
    await badr.request({ cmd: 'send', r, body: { event: 'missed' } });
    // Of all pushes, only the snapshot and the update count.
    using again = (await initialize('amal', { ...handleOf(body), received: 2 })).client;
    const pushes = [await again.nextPush(), await again.nextPush()];
    pushes.sort((a, b) => Number(a.evt === 'presence') - Number(b.evt === 'presence'));
    expect(pushes).toMatchObject([
      { evt: 'updated', rev: 3 },
      { evt: 'presence', eph: true, r, body: { count: 1, members: [{ id: me, state: { x: 1 } }] } },
    ]);
    expect(await again.pushesUntilNow()).toEqual([]);
    await badr.request({ cmd: 'send', r, body: { event: 'after' } });
    expect(await nextOf(again, 'sent')).toMatchObject({ body: { event: 'after' } });
    expect((await badr.pushesUntilNow()).filter(({ evt }) => evt === 'presence')).toEqual([]);
  });

  test('[PRS9] who closes with 1000, or without a code, has left at once; who drops, after some time', async () => {
    using badr = await server.as('badr');
    const r = await newBoard(badr);
    await join(badr, r);
    const leave: ((client: Client) => void)[] = [
      (client) => client.socket.close(1000),
      (client) => client.socket.close(),
      (client) => client.socket.terminate(),
    ];
    for (const close of leave) {
      const { client, body } = await initialize('amal');
      const { me } = (await join(client, r, {})).body;
      expect((await nextOf(badr, 'presence')).body).toMatchObject({ joined: [{ id: me }] });
      close(client);
      await client.closed;
      expect((await nextOf(badr, 'presence')).body).toMatchObject({ left: [me], count: 0 });
      // It can still be resumed; one that said goodbye is in no room then.
      using again = (await initialize('amal', handleOf(body))).client;
      if (close === leave[2]) {
        expect(await nextOf(again, 'presence')).toMatchObject({ body: { members: [{ id: me }] } });
      } else expect(await again.pushesUntilNow()).toEqual([]);
    }
  });

  test('[PRS10] a token that is revoked ends what it was in at once', async () => {
    using badr = await server.as('badr');
    const r = await newBoard(badr);
    await join(badr, r);
    const { client } = await initialize('gone');
    const { me } = (await join(client, r, {})).body;
    await nextOf(badr, 'presence');
    await fetch(`${server.url}/auth/tokens/revoke`, {
      method: 'POST',
      headers: { 'X-Really-Secret': testSecret, 'Content-Type': 'application/json' },
      body: JSON.stringify({ uid: 'gone' }),
    });
    expect((await nextOf(badr, 'presence')).body).toMatchObject({ left: [me] });
  });
});

describe('over HTTP', () => {
  const headers = (uid: string) => ({
    Authorization: `Bearer ${signToken({ uid }, testSecret)}`,
    'Content-Type': 'application/json',
  });
  const post = async (uid: string, path: string, body: unknown) => {
    const response = await fetch(`${server.url}/v0.1${path}/_send`, {
      method: 'POST',
      headers: headers(uid),
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  };

  test('[PRS13] `_send` sends to the room of an object', async () => {
    using badr = await server.as('badr');
    const r = await newBoard(badr, { editors: ['amal'] });
    await join(badr, r);
    expect(await post('amal', r, { event: 'wave', data: { x: 1 } })).toEqual([200, { r }]);
    expect(await nextOf(badr, 'sent')).toEqual({
      ...{ evt: 'sent', eph: true, r, meta: { opBy: { uid: 'amal' } } },
      body: { event: 'wave', data: { x: 1 } },
    });
    const refusal = (code: number, message: string) => ({ r, error: { code, message } });
    expect(await post('badr', r, { event: 'wave' })).toEqual([403, refusal(403, 'forbidden')]);
    expect(await post('amal', '/boards/none', { event: 'wave' })).toMatchObject([404, {}]);
    expect(await post('amal', r, { evt: 'wave' })).toMatchObject([
      400,
      { error: { errors: { 'body.event': ['expected.string'] } } },
    ]);
  });

  test('[PRS13] an event stream with `?presence` carries the list, what changes, and messages', async () => {
    using badr = await server.as('badr');
    const r = await newBoard(badr);
    const { me } = (await join(badr, r, { x: 1 })).body;
    using stream = await Events.open(`${server.url}/v0.1${r}?presence`, headers('amal'));
    expect(await stream.next()).toMatchObject({ event: 'snapshot', id: expect.any(String) });
    expect(await stream.next()).toMatchObject({
      event: 'presence',
      id: undefined,
      data: { eph: true, r, body: { count: 1, members: [{ id: me }] } },
    });
    await badr.request({ cmd: 'send', r, body: { event: 'wave' } });
    expect(await stream.next()).toMatchObject({ event: 'sent', data: { meta: { member: me } } });
    await badr.request({ cmd: 'leave', r });
    expect(await stream.next()).toMatchObject({
      event: 'presence',
      data: { body: { left: [me] } },
    });
  });

  test('[PRS13] `presence` is for event streams of objects', async () => {
    using badr = await server.as('badr');
    const r = await newBoard(badr);
    const get = async (path: string, accept: string) => {
      const at = `${server.url}/v0.1${path}`;
      const response = await fetch(at, { headers: { ...headers('badr'), accept } });
      return [response.status, ((await response.json()) as ServerMessage).error?.errors];
    };
    expect(await get(`${r}?presence`, 'application/json')).toEqual([
      ...[400, { presence: ['expected.with.events'] }],
    ]);
    expect(await get('/boards?presence', 'text/event-stream')).toMatchObject([400, {}]);
    const vault = await badr.request({ cmd: 'create', r: '/vaults', body: { owner: 'amal' } });
    expect(await get(`${vault.body._r}?presence`, 'text/event-stream')).toEqual([404, undefined]);
  });
});

test('[PRS14] what is said in a room is in no file of the app and in no line of the log', async () => {
  const secret = 'unforgettable-otherwise';
  using amal = await server.as('amal');
  const r = await newBoard(amal);
  await join(amal, r, { [secret]: secret });
  await amal.request({ cmd: 'present', traceId: 'traced', r, body: { a: secret } });
  await amal.request({ cmd: 'send', traceId: 'traced', r, body: { event: secret, data: secret } });
  await amal.request({ cmd: 'send', r, body: { event: secret, data: secret.repeat(1000) } });
  await nextOf(amal, 'sent');
  const history = await amal.request({ cmd: 'history', r });
  expect(JSON.stringify(history)).not.toContain(secret);
  // Written last, so that what was before it would be in the files, too.
  await amal.request({ cmd: 'create', r: '/boards', body: { title: 'kept-on-disk' } });
  const files = readdirSync(server.folder.dir, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFileSync(path.join(file.parentPath, file.name), 'latin1'));
  expect(texts.some((text) => text.includes('kept-on-disk'))).toBe(true);
  expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  const { stdout, stderr } = server.process.output;
  expect(`${stdout}${stderr}`).not.toContain(secret);
});
