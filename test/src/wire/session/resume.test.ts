import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { Client, type ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer({ REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0' });
const forgetful = wireServer({ REALLY_LIMITS_RESUME_PUSHES: '4' });
const brief = wireServer({ REALLY_RESUME_WINDOW: '300ms' });

type Where = { readonly socketUrl: string };

async function connect(uid: string, more: JsonObject = {}, at: Where = server) {
  const client = await Client.open(at.socketUrl);
  const accessToken = signToken({ uid }, testSecret);
  const answer = await client.request({ cmd: 'initialize', accessToken, ...more });
  const { 'connection-handle': handle, resumed } = answer.body ?? {};
  return { client, answer, handle: handle as string, resumed: resumed as boolean | undefined };
}

const back = (uid: string, handle: string, received?: number, at: Where = server) =>
  connect(uid, { 'connection-handle': handle, ...(received !== undefined && { received }) }, at);
const create = (client: Client, r: string, body: JsonObject = { name: 'x', score: 0 }) =>
  client.request({ cmd: 'create', r, body });
const add = (client: Client, r: string) =>
  client.request({
    cmd: 'update',
    r,
    rev: 1,
    body: { ops: [{ op: 'addNumber', key: 'score', value: 1 }] },
  });
const subscribe = (client: Client, ...subscriptions: JsonObject[]) =>
  client.request({ cmd: 'subscribe', body: { subscriptions } });
const revs = (pushes: readonly ServerMessage[]) => pushes.map(({ evt, rev }) => `${evt} ${rev}`);
const drop = async (client: Client) => {
  client.socket.terminate();
  await client.closed;
};
async function pushes(client: Client, count: number) {
  const all: ServerMessage[] = [];
  while (all.length < count) all.push(await client.nextPush());
  expect(await client.pushesUntilNow()).toEqual([]);
  return all;
}

test('[RES1] [RES2] after a drop each missed revision comes once, in order, on a new handle', async () => {
  using writer = await server.as('writer');
  await create(writer, '/users/r1');
  const first = await connect('one');
  expect(first.answer.body).not.toHaveProperty('resumed');
  await subscribe(first.client, { r: '/users/r1', rev: 1 });
  for (let n = 0; n < 3; n++) await add(writer, '/users/r1');
  expect(revs(await pushes(first.client, 3))).toEqual(['updated 2', 'updated 3', 'updated 4']);
  await drop(first.client);
  for (let n = 0; n < 20; n++) await add(writer, '/users/r1');
  const second = await back('one', first.handle, 3);
  expect(second.resumed).toBe(true);
  expect(second.handle).not.toBe(first.handle);
  expect(Buffer.from(second.handle, 'base64url').length).toBeGreaterThanOrEqual(16);
  const missed = await pushes(second.client, 20);
  expect(revs(missed)).toEqual(Array.from({ length: 20 }, (_, n) => `updated ${n + 5}`));
  await add(writer, '/users/r1');
  expect(revs(await pushes(second.client, 1))).toEqual(['updated 25']);
});

test('[RES2] pushes that did not arrive are sent again: those after the first n', async () => {
  using writer = await server.as('writer');
  await create(writer, '/users/r2');
  for (const received of [0, 1, 3, 5]) {
    const first = await connect('one');
    const { body } = await writer.request({ cmd: 'get', r: '/users/r2' });
    const rev = Number(body._rev);
    await subscribe(first.client, { r: '/users/r2', rev });
    for (let n = 0; n < 5; n++) await add(writer, '/users/r2');
    await pushes(first.client, 5);
    await drop(first.client);
    await add(writer, '/users/r2');
    const second = await back('one', first.handle, received);
    const expected = [1, 2, 3, 4, 5, 6].slice(received).map((n) => `updated ${rev + n}`);
    expect(revs(await pushes(second.client, expected.length))).toEqual(expected);
    await drop(second.client);
    // The pushes of the second connection count from its own beginning.
    const third = await back('one', second.handle, expected.length - 1);
    expect(revs(await pushes(third.client, 1))).toEqual(expected.slice(-1));
    third.client.close();
  }
});

test('[RES2] collections and queries go on as well, under the ids that they had', async () => {
  using writer = await server.as('writer');
  await create(writer, '/users/r3');
  const first = await connect('one');
  await subscribe(first.client, { r: '/users/r3/posts' });
  const read = await first.client.request({
    cmd: 'read',
    r: '/users/r3/posts',
    cmdOpts: { subscribe: true, sort: 'likes', limit: 2, query: { filter: 'likes > 0' } },
  });
  const id = read.meta?.subscription;
  const post = (n: number, likes: number) =>
    create(writer, `/users/r3/posts/${n}`, { title: 't', likes });
  await post(1, 5);
  await pushes(first.client, 2);
  await drop(first.client);
  await post(2, 9);
  await post(3, 1);
  await writer.request({ cmd: 'delete', r: '/users/r3/posts/3' });
  await post(4, 7);
  const second = await back('one', first.handle, 2);
  expect(second.resumed).toBe(true);
  const all: ServerMessage[] = [];
  // Two of the collection (deletions are not pushed), and the changes of the window.
  const isOfWindow = ({ meta }: ServerMessage) => meta?.subscription !== undefined;
  while (
    all.filter((push) => !isOfWindow(push)).length < 2 ||
    !all.some((push) => isOfWindow(push) && push.body?._r === '/users/r3/posts/4')
  ) {
    all.push(await second.client.nextPush());
  }
  all.push(...(await second.client.pushesUntilNow()));
  const ofCollection = all.filter(({ meta }) => !meta?.subscription);
  expect(ofCollection.map(({ body }) => body._r)).toEqual([
    '/users/r3/posts/2',
    '/users/r3/posts/4',
  ]);
  const window = new Set(['/users/r3/posts/1']);
  for (const { evt, r, body, meta } of all.filter((push) => push.meta?.subscription)) {
    expect(meta?.subscription).toBe(id);
    if (evt === 'left') window.delete(r as string);
    else window.add(body._r);
  }
  expect([...window].sort()).toEqual(['/users/r3/posts/1', '/users/r3/posts/4']);
  const another = await second.client.request({
    cmd: 'read',
    r: '/users',
    cmdOpts: { subscribe: true },
  });
  expect(another.meta?.subscription).not.toBe(id);
  const ended = await second.client.request({
    cmd: 'unsubscribe',
    body: { subscriptions: [id as string] },
  });
  expect(ended.body.subscriptions).toEqual([id]);
});

test('[RES2] without received the last pushes may come again, and none is missed', async () => {
  using writer = await server.as('writer');
  await create(writer, '/users/r4');
  const first = await connect('one');
  await subscribe(first.client, { r: '/users/r4', rev: 1 });
  await add(writer, '/users/r4');
  await pushes(first.client, 1);
  await drop(first.client);
  await add(writer, '/users/r4');
  const { client, resumed } = await back('one', first.handle);
  expect(resumed).toBe(true);
  expect(revs(await pushes(client, 2))).toEqual(['updated 2', 'updated 3']);
});

describe('[RES3] if the kept pushes do not reach back far enough', () => {
  const asked = (r: string, ...more: JsonObject[]) => [{ r, rev: 1 }, ...more];
  const setUp = async (r: string) => {
    const writer = await Client.connect(
      forgetful.socketUrl,
      signToken({ uid: 'writer' }, testSecret),
    );
    await create(writer, r);
    return { writer, first: await connect('one', {}, forgetful) };
  };
  const post = (writer: Client, r: string) => create(writer, r, { title: 't' });

  test('each subscription continues from its own position', async () => {
    const { writer, first } = await setUp('/users/r5');
    await create(writer, '/users/r5b');
    await subscribe(first.client, ...asked('/users/r5', { r: '/users/r5b', rev: 1 }));
    await subscribe(first.client, { r: '/users/r5/posts' });
    for (let n = 0; n < 9; n++) {
      await add(writer, '/users/r5');
      await post(writer, `/users/r5/posts/${n}`);
    }
    await pushes(first.client, 18);
    await drop(first.client);
    await add(writer, '/users/r5');
    await add(writer, '/users/r5b');
    const second = await back('one', first.handle, 5, forgetful);
    expect(second.resumed).toBe(true);
    const all = await pushes(second.client, 15);
    const of = (r: string) => revs(all.filter((push) => push.r === r));
    expect(of('/users/r5')).toEqual([5, 6, 7, 8, 9, 10, 11].map((rev) => `updated ${rev}`));
    expect(of('/users/r5b')).toEqual(['updated 2']);
    const made = all.filter(({ evt }) => evt === 'created').map(({ body }) => body._r);
    expect(made).toEqual([2, 3, 4, 5, 6, 7, 8].map((n) => `/users/r5/posts/${n}`));
    // Repeated pushes count like others.
    await drop(second.client);
    const third = await back('one', second.handle, 1, forgetful);
    expect(third.resumed).toBe(true);
    expect(await pushes(third.client, 14)).toHaveLength(14);
    third.client.close();
  });

  test('deletions are sent again', async () => {
    const { writer, first } = await setUp('/users/r12');
    await create(writer, '/users/r13');
    await subscribe(first.client, ...asked('/users/r12', { r: '/users/r13', rev: 1 }));
    await writer.request({ cmd: 'delete', r: '/users/r13' });
    for (let n = 0; n < 9; n++) await add(writer, '/users/r12');
    await pushes(first.client, 10);
    await drop(first.client);
    const { client } = await back('one', first.handle, 0, forgetful);
    const all = await pushes(client, 10);
    expect(all[0]).toMatchObject({ evt: 'deleted', r: '/users/r13', rev: 2 });
    expect(revs(all.slice(1))).toEqual(Array.from({ length: 9 }, (_, n) => `updated ${n + 2}`));
  });

  test('a snapshot that did not arrive comes again, as a snapshot', async () => {
    const { writer, first } = await setUp('/users/r14');
    await subscribe(first.client, { r: '/users/r14' });
    for (let n = 0; n < 9; n++) await add(writer, '/users/r14');
    await pushes(first.client, 10);
    await drop(first.client);
    const { client } = await back('one', first.handle, 0, forgetful);
    expect(revs(await pushes(client, 1))).toEqual(['snapshot 10']);
  });

  test('if the missed pushes are unknown: a snapshot, and failed for subscriptions with positions', async () => {
    const { writer, first } = await setUp('/users/r15');
    await subscribe(first.client, ...asked('/users/r15', { r: '/users' }));
    for (let n = 0; n < 99; n++) await add(writer, '/users/r15');
    await pushes(first.client, 99);
    await drop(first.client);
    await add(writer, '/users/r15');
    const { client, resumed } = await back('one', first.handle, 2, forgetful);
    expect(resumed).toBe(true);
    const [failed, snapshot] = await pushes(client, 2);
    expect(failed).toMatchObject({
      evt: 'failed',
      r: '/users/*',
      error: { code: 410, message: 'position.gone' },
    });
    expect(snapshot).toMatchObject({ evt: 'snapshot', rev: 101, body: { score: 100 } });
  });

  test('if ended subscriptions are unknown, nothing resumes', async () => {
    const { writer, first } = await setUp('/users/r16');
    const rs = Array.from({ length: 12 }, (_, n) => `/users/r16-${n}`);
    for (const r of rs) await create(writer, r);
    await subscribe(first.client, ...rs.map((r) => ({ r, rev: 1 })));
    for (const r of rs) await writer.request({ cmd: 'delete', r });
    await pushes(first.client, 12);
    await drop(first.client);
    const { client, resumed } = await back('one', first.handle, 2, forgetful);
    expect(resumed).toBe(false);
    const { body } = await subscribe(client, ...rs.map((r) => ({ r, rev: 1 })));
    expect(body.subscriptions).toHaveLength(12);
    expect(revs(await pushes(client, 12))).toEqual(Array(12).fill('deleted 2'));
  });
});

describe('[RES4] a handle', () => {
  test('works once, and an unknown handle is not an error', async () => {
    const first = await connect('one');
    await subscribe(first.client, { r: '/users' });
    await drop(first.client);
    expect((await back('one', first.handle, 0)).resumed).toBe(true);
    const again = await back('one', first.handle, 0);
    expect(again.resumed).toBe(false);
    expect(again.answer.evt).toBe('initialized');
    expect(again.handle).not.toBe(first.handle);
    expect((await back('one', 'nonsense', 0)).resumed).toBe(false);
    expect((await back('one', '', 7)).resumed).toBe(false);
    for (const handle of [5, {}, []]) {
      expect((await connect('one', { 'connection-handle': handle })).resumed).toBe(false);
    }
    // As good as absent (rule ENV8).
    expect((await connect('one', { 'connection-handle': null })).resumed).toBeUndefined();
  });

  test('belongs to its uid: another uid learns nothing, and does not use it up', async () => {
    const first = await connect('one');
    await subscribe(first.client, { r: '/users' });
    await drop(first.client);
    expect((await back('two', first.handle, 0)).resumed).toBe(false);
    using writer = await server.as('writer');
    await create(writer, '/users/r6');
    const mine = await back('one', first.handle, 0);
    expect(mine.resumed).toBe(true);
    expect((await mine.client.nextPush()).body._r).toBe('/users/r6');
  });

  test('does not outlive the window', async () => {
    const first = await connect('one', {}, brief);
    await drop(first.client);
    await expect
      .poll(async () => {
        const metrics = await (await fetch(`${brief.url}/metrics`)).text();
        return /^really_resumable_sessions (\d+)$/m.exec(metrics)?.[1];
      })
      .toBe('0');
    expect((await back('one', first.handle, 0, brief)).resumed).toBe(false);
  });

  test('of a socket that seems alive: the old socket is closed', async () => {
    using writer = await server.as('writer');
    await create(writer, '/users/r7');
    const first = await connect('one');
    await subscribe(first.client, { r: '/users/r7', rev: 1 });
    const second = await back('one', first.handle, 0);
    expect(second.resumed).toBe(true);
    expect((await first.client.closed).code).toBe(1008);
    await add(writer, '/users/r7');
    expect(revs(await pushes(second.client, 1))).toEqual(['updated 2']);
  });

  test('is ignored on an initialized connection', async () => {
    const first = await connect('one');
    await drop(first.client);
    const second = await connect('one');
    const accessToken = signToken({ uid: 'one' }, testSecret);
    const renewed = await second.client.request({
      cmd: 'initialize',
      accessToken,
      'connection-handle': first.handle,
    });
    expect(renewed.body).toMatchObject({ 'connection-handle': second.handle });
    expect(renewed.body).not.toHaveProperty('resumed');
  });

  test('a wrong token resumes nothing, and does not use up the handle', async () => {
    const first = await connect('one');
    await drop(first.client);
    const wrong = await Client.open(server.socketUrl);
    const refused = await wrong.request({
      cmd: 'initialize',
      accessToken: 'x',
      'connection-handle': first.handle,
    });
    expect(refused.error?.code).toBe(401);
    expect((await back('one', first.handle, 0)).resumed).toBe(true);
  });
});

describe('[RES2] a live query', () => {
  const window = async (client: Client, r: string, cmdOpts: JsonObject) => {
    const { body } = await client.request({ cmd: 'read', r, cmdOpts });
    return body.items.map((item: ServerMessage) => item.body);
  };
  const watch = async (client: Client, r: string, cmdOpts: JsonObject) => {
    const answer = await client.request({
      cmd: 'read',
      r,
      cmdOpts: { ...cmdOpts, subscribe: true },
    });
    const held = new Map<string, JsonObject>();
    for (const { body } of answer.body.items) held.set(body._r, body);
    return held;
  };
  const take = (held: Map<string, JsonObject>, all: readonly ServerMessage[]) => {
    for (const { evt, r = '', body } of all) {
      if (evt === 'left') expect(held.delete(r), r).toBe(true);
      else if (evt === 'snapshot') held.set(r, body);
      else {
        expect(['created', 'entered']).toContain(evt);
        expect(held.has(body._r)).toBe(false);
        held.set(body._r, body);
      }
    }
  };

  test('continues after a deletion from a full window', async () => {
    using writer = await server.as('writer');
    await create(writer, '/users/w1');
    for (const n of [1, 2, 3, 4]) {
      await create(writer, `/users/w1/posts/${n}`, { title: 't', likes: n });
    }
    const first = await connect('one');
    const question = { sort: '-likes', limit: 2 };
    const held = await watch(first.client, '/users/w1/posts', question);
    expect([...held.keys()]).toEqual(['/users/w1/posts/4', '/users/w1/posts/3']);
    await drop(first.client);
    await writer.request({ cmd: 'delete', r: '/users/w1/posts/4' });
    const ops = [{ op: 'set', key: 'title', value: 'u' }];
    await writer.request({ cmd: 'update', r: '/users/w1/posts/3', rev: 1, body: { ops } });
    const second = await back('one', first.handle, 0);
    const all = await pushes(second.client, 3);
    expect(all.map(({ evt, r, body }) => `${evt} ${body?._r ?? r}`)).toEqual([
      'left /users/w1/posts/4',
      'snapshot /users/w1/posts/3',
      'entered /users/w1/posts/2',
    ]);
    take(held, all);
    const now = await window(writer, '/users/w1/posts', question);
    expect(new Set(held.values())).toEqual(new Set(now));
    await create(writer, '/users/w1/posts/5', { title: 't', likes: 5 });
    const next = await pushes(second.client, 2);
    expect(next.map(({ evt }) => evt)).toEqual(['left', 'created']);
  });

  test('continues after deletions under access rules, with left only for objects that it had', async () => {
    using writer = await server.as('mine');
    using stranger = await server.as('stranger');
    await create(writer, '/secrets/w2', { owner: 'mine' });
    await create(stranger, '/secrets/w3', { owner: 'stranger' });
    const first = await connect('mine');
    const held = await watch(first.client, '/secrets', { query: { filter: "owner != 'x'" } });
    expect([...held.keys()]).toEqual(['/secrets/w2']);
    await drop(first.client);
    await writer.request({ cmd: 'delete', r: '/secrets/w2' });
    await stranger.request({ cmd: 'delete', r: '/secrets/w3' });
    const second = await back('mine', first.handle, 0);
    expect(await pushes(second.client, 1)).toMatchObject([
      { evt: 'left', r: '/secrets/w2', rev: 2 },
    ]);
  });

  test('goes on after more changes than are replayed', async () => {
    using writer = await server.as('writer');
    await create(writer, '/users/w4');
    const one = (n: number): JsonObject => {
      return { cmd: 'create', r: `/users/w4/posts/${10_000 + n}`, body: { title: 't', likes: n } };
    };
    await writer.request(one(0));
    const first = await connect('one');
    const question = { sort: '-likes', limit: 3 };
    const held = await watch(first.client, '/users/w4/posts', question);
    await drop(first.client);
    for (let from = 1; from < 30_000; from += 100) {
      const commands = Array.from({ length: 100 }, (_, index) => one(from + index));
      const { error } = await writer.request({ cmd: 'batch', body: { commands } });
      expect(error).toBeUndefined();
    }
    const second = await back('one', first.handle, 0);
    take(held, await pushes(second.client, 4));
    const now = await window(writer, '/users/w4/posts', question);
    expect(new Set(held.values())).toEqual(new Set(now));
  });
});

test('[RES5] rights are those of the token that resumes', async () => {
  using writer = await server.as('owner');
  await create(writer, '/secrets/r8', { owner: 'owner' });
  const first = await connect('owner');
  await subscribe(first.client, { r: '/secrets/r8' });
  await pushes(first.client, 1);
  await drop(first.client);
  const owner = [{ op: 'set', key: 'owner', value: 'somebody' }];
  await writer.request({ cmd: 'update', r: '/secrets/r8', rev: 1, body: { ops: owner } });
  const second = await back('owner', first.handle, 1);
  expect(await pushes(second.client, 1)).toMatchObject([
    { evt: 'failed', r: '/secrets/r8', error: { code: 403 } },
  ]);
});

test('[RES4] after a restart of the server nothing resumes, and rev and pos lose nothing', async () => {
  using writer = await server.as('writer');
  await create(writer, '/users/r9');
  const first = await connect('one');
  await subscribe(first.client, { r: '/users/r9', rev: 1 }, { r: '/users' });
  await create(writer, '/users/r10');
  const pos = (await first.client.nextPush()).meta?.pos as string;
  await drop(first.client);
  await add(writer, '/users/r9');
  await create(writer, '/users/r11');
  await server.restart();
  const second = await back('one', first.handle, 1);
  expect(second.resumed).toBe(false);
  await subscribe(second.client, { r: '/users/r9', rev: 1 }, { r: '/users', pos });
  const all = await pushes(second.client, 2);
  expect(all.map(({ evt, r, body }) => `${evt} ${evt === 'created' ? body._r : r}`).sort()).toEqual(
    ['created /users/r11', 'updated /users/r9'],
  );
});
