import type { JsonObject } from '@really/protocol';
import { createParser } from 'eventsource-parser';
import { describe, expect, test } from 'vitest';
import { Client, type ServerMessage } from '../harness/client.js';
import { testSecret } from '../harness/server-process.js';
import { signToken } from '../harness/token.js';
import { wireServer } from './wire-server.js';

/** Objects of a level are visible to readers of at least that level; the field `hush` from level 2 on. */
const notes = (hides: string) => ({
  'models/notes/model.yaml': `version: 1
fields:
  text: { type: String }
  hush: { type: String }
  level: { type: Long, default: 0 }
access:
  create: true
  read: obj.level <= auth.data.level
  update: true
  delete: true
`,
  'models/notes/pre-get.js': `${hides}
if (obj.text === "stop") cancel(418, "hush of level " + auth.data.level);
`,
});
const byLevel = 'if (auth.data.level < 2) hide("hush");';
const app = {
  ...notes(byLevel),
  'models/shadows/model.yaml': `version: 1
fields:
  text: { type: String }
  level: { type: Long, default: 0 }
access:
  hidden: true
  create: true
  read: obj.level <= auth.data.level
  update: true
  delete: true
`,
};

const server = wireServer({}, app);
const brief = wireServer({ REALLY_LIMITS_RESUME_PUSHES: '4' }, app);
type Where = Pick<typeof server, 'socketUrl'>;

const tokenOf = (level: number, more: JsonObject = {}) =>
  signToken({ uid: 'reader', data: { level }, ...more }, testSecret);

async function connect(level: number, more: JsonObject = {}, at: Where = server) {
  const client = await Client.open(at.socketUrl);
  const accessToken = tokenOf(level);
  const { body } = await client.request({ cmd: 'initialize', accessToken, ...more });
  return { client, handle: String(body['connection-handle']), resumed: body.resumed as unknown };
}

const writer = (at = server) => at.as('writer', { data: { level: 9 } });
const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });
const set = async (client: Client, r: string, fields: JsonObject) => {
  const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
  // What a hook hides from the author altogether was changed once.
  const { body } = await client.request({ cmd: 'get', r });
  const rev = Number(body?._rev ?? 2);
  const { error } = await client.request({ cmd: 'update', r, rev, body: { ops } });
  expect(error).toBeUndefined();
};
const remove = (client: Client, r: string) => client.request({ cmd: 'delete', r });
const subscribe = (client: Client, ...subscriptions: JsonObject[]) =>
  client.request({ cmd: 'subscribe', body: { subscriptions } });

async function take(client: Client, count: number): Promise<ServerMessage[]> {
  const all: ServerMessage[] = [];
  while (all.length < count) all.push(await client.nextPush());
  expect(await client.pushesUntilNow()).toEqual([]);
  return all;
}

async function drop(client: Client): Promise<void> {
  client.socket.terminate();
  await client.closed;
}

/** Resumes as a user of this level who received so many pushes, or none, and receives so many more. */
async function back(
  handle: string,
  level: number,
  { count, received = 0, at = server }: { count: number; received?: number; at?: Where },
) {
  const next = await connect(level, { 'connection-handle': handle, received }, at);
  expect(next.resumed).toBe(true);
  return { ...next, all: await take(next.client, count) };
}

const brieflyOf = (all: readonly ServerMessage[]) =>
  all.map(({ evt, r, rev, body }) => `${evt} ${body?._r ?? r} ${body?._rev ?? rev ?? ''}`.trim());

describe('[RES5] [DUR4] a client that resumes with fewer rights', () => {
  test('receives what it may see of an object, and no earlier push', async () => {
    using author = await writer();
    await create(author, '/notes/o1', { text: 'a', hush: 'hush 1' });
    await create(author, '/notes/o2', { text: 'a', hush: 'hush 1', level: 2 });
    const first = await connect(2);
    await subscribe(first.client, { r: '/notes/o1' }, { r: '/notes/o2', fields: ['hush'] });
    await set(author, '/notes/o1', { hush: 'hush 2' });
    await set(author, '/notes/o2', { hush: 'hush 2' });
    expect(JSON.stringify(await take(first.client, 4))).toContain('hush 2');
    await drop(first.client);
    await set(author, '/notes/o1', { text: 'b' });
    const { client, all } = await back(first.handle, 1, { count: 2 });
    expect(all.find(({ evt }) => evt === 'snapshot')).toMatchObject({
      ...{ r: '/notes/o1', rev: 3, body: { text: 'b', level: 0 } },
    });
    expect(all.find(({ evt }) => evt === 'failed')).toMatchObject({
      ...{ r: '/notes/o2', error: { code: 403 } },
    });
    await set(author, '/notes/o1', { hush: 'hush 3' });
    await set(author, '/notes/o1', { text: 'c' });
    const [next] = await take(client, 1);
    expect(next).toMatchObject({ evt: 'updated', rev: 5, meta: { prev: 3 } });
    expect(JSON.stringify([all, next])).not.toContain('hush');
  });

  test('does not learn who deleted an object that it may not know of', async () => {
    using author = await writer();
    const rs = ['/notes/d1', '/shadows/d1', '/shadows/d2'];
    for (const r of rs) await create(author, r, { text: 'hush', level: 2 });
    const first = await connect(2);
    await subscribe(first.client, ...rs.map((r) => ({ r })));
    await take(first.client, 3);
    for (const r of rs.slice(0, 2)) {
      await set(author, r, { text: 'hush 2' });
      await remove(author, r);
    }
    expect((await take(first.client, 4)).map(({ evt }) => evt).sort()).toEqual([
      ...['deleted', 'deleted', 'updated', 'updated'],
    ]);
    await drop(first.client);
    await remove(author, '/shadows/d2');
    const { all } = await back(first.handle, 1, { count: 3 });
    const reported = new Map(all.map(({ r, evt, error }) => [r, `${evt} ${error?.message}`]));
    expect(reported.get('/notes/d1')).toBe('failed object.gone');
    expect(reported.get('/shadows/d1')).toBe('failed object.missing');
    expect(reported.get('/shadows/d2')).toBe('failed object.missing');
    expect(JSON.stringify(all)).not.toMatch(/hush|writer/);
  });

  test('the same if only the ends of subscriptions are kept', async () => {
    using author = await writer(brief);
    await create(author, '/notes/k', { text: 'a' });
    await create(author, '/shadows/k', { text: 'hush', level: 2 });
    await create(author, '/notes/k2', { text: 'a', level: 2 });
    const first = await connect(2, {}, brief);
    const rs = ['/notes/k', '/shadows/k', '/notes/k2'];
    await subscribe(first.client, ...rs.map((r) => ({ r, rev: 1 })));
    await take(first.client, 3);
    await remove(author, '/shadows/k');
    await set(author, '/notes/k2', { text: 'stop' });
    for (let n = 0; n < 9; n++) await set(author, '/notes/k', { hush: `hush ${n}` });
    await take(first.client, 11);
    await drop(first.client);
    const { all } = await back(first.handle, 1, { count: 3, at: brief });
    expect(new Set(brieflyOf(all))).toEqual(
      new Set(['failed /shadows/k', 'failed /notes/k2', 'snapshot /notes/k 10']),
    );
    expect(JSON.stringify(all)).not.toMatch(/hush|writer/);
  });

  test('receives what was created in a collection since, as it may see it, without gaps', async () => {
    using author = await writer();
    const first = await connect(2);
    await subscribe(first.client, { r: '/notes' });
    await create(author, '/notes/c1', { text: 'a', hush: 'hush' });
    await create(author, '/notes/c2', { text: 'hush', level: 2 });
    await take(first.client, 2);
    await drop(first.client);
    await create(author, '/notes/c3', { text: 'a', hush: 'hush' });
    await create(author, '/notes/c4', { text: 'hush', level: 2 });
    const { client, all } = await back(first.handle, 1, { count: 2 });
    expect(brieflyOf(all)).toEqual(['created /notes/c1 1', 'created /notes/c3 1']);
    await create(author, '/notes/c5', { text: 'a', hush: 'hush' });
    expect(JSON.stringify([all, await take(client, 1)])).not.toContain('hush');
  });

  test.each([
    [
      'gets the difference to a window that it had received',
      1,
      ['left /notes/w12 2', 'snapshot /notes/w11 1'],
    ],
    ['and is to read again where nobody knows what it had received', 0, ['failed /notes/*']],
  ])('%s', async (_what, received, expected) => {
    using author = await writer();
    const rs = [1, 2].map((n) => `/notes/w${received}${n}`);
    for (const r of rs) await create(author, r, { text: 'window', level: r.endsWith('2') ? 2 : 0 });
    const first = await connect(2);
    const cmdOpts = { subscribe: true, query: { filter: "text = 'window'" } };
    const { body } = await first.client.request({ cmd: 'read', r: '/notes', cmdOpts });
    expect(body.items).toHaveLength(2);
    await set(author, rs[1] ?? '', { hush: 'hush' });
    await take(first.client, 1);
    await drop(first.client);
    const { all } = await back(first.handle, 1, { count: expected.length, received });
    expect(brieflyOf(all).sort()).toEqual(expected);
    expect(JSON.stringify(all)).not.toContain('hush');
    for (const r of rs) await remove(author, r);
  });

  test('does not receive the message with which a hook ended a subscription', async () => {
    using author = await writer();
    await create(author, '/notes/f1', { text: 'a' });
    const first = await connect(2);
    const cmdOpts = { subscribe: true, query: { filter: "_r = '/notes/f1'" } };
    await subscribe(first.client, { r: '/notes/f1', rev: 1 });
    await first.client.request({ cmd: 'read', r: '/notes', cmdOpts });
    await take(first.client, 1);
    await set(author, '/notes/f1', { text: 'stop' });
    const [failed] = (await take(first.client, 2)).filter(({ evt }) => evt === 'failed');
    expect(failed?.error).toMatchObject({ code: 418, message: 'hush of level 2' });
    await drop(first.client);
    const { all } = await back(first.handle, 1, { count: 2 });
    expect(all.map(({ error }) => error)).toEqual(
      Array(2).fill({ code: 410, message: 'position.gone' }),
    );
  });

  test('does not receive pushes of an earlier subscription to the same object', async () => {
    using author = await writer();
    await create(author, '/notes/u1', { text: 'a', hush: 'hush' });
    const first = await connect(2);
    await subscribe(first.client, { r: '/notes/u1' });
    await take(first.client, 1);
    const { error } = await first.client.request({
      ...{ cmd: 'unsubscribe', body: { subscriptions: ['/notes/u1'] } },
    });
    expect(error).toBeUndefined();
    await first.client.request({ cmd: 'initialize', accessToken: tokenOf(1) });
    await subscribe(first.client, { r: '/notes/u1' });
    await take(first.client, 1);
    await drop(first.client);
    const { all } = await back(first.handle, 1, { count: 1 });
    expect(brieflyOf(all)).toEqual(['snapshot /notes/u1 1']);
    expect(JSON.stringify(all)).not.toContain('hush');
  });
});

test('[RES2] [RES5] a renewed token that says the same gets all again, to the end', async () => {
  using author = await writer();
  await create(author, '/notes/s1', { text: 'a', hush: 'hush' });
  const first = await connect(2);
  await subscribe(first.client, { r: '/notes/s1' });
  await set(author, '/notes/s1', { hush: 'hush 2' });
  await remove(author, '/notes/s1');
  const before = await take(first.client, 3);
  await drop(first.client);
  const accessToken = tokenOf(2, { exp: Math.floor(Date.now() / 1000) + 600 });
  const client = await Client.open(server.socketUrl);
  await client.request({
    ...{ cmd: 'initialize', accessToken, 'connection-handle': first.handle, received: 0 },
  });
  expect(await take(client, 3)).toEqual(before);
  client.close();
});

test('[RES5] [REL5] stricter rules loaded meanwhile apply to earlier pushes', async () => {
  using author = await writer(brief);
  for (const r of ['/notes/n1', '/notes/n2']) await create(author, r, { text: 'a', hush: 'hush' });
  const first = await connect(2, {}, brief);
  await subscribe(first.client, { r: '/notes/n1' }, { r: '/notes/n2' });
  await take(first.client, 2);
  await remove(author, '/notes/n2');
  await take(first.client, 1);
  await drop(first.client);
  const reported = 'the models were loaded again';
  await brief.folder.write(notes('hide("hush");'));
  process.kill(brief.process.pid, 'SIGHUP');
  await expect.poll(() => brief.process.output.stdout).toContain(reported);
  const { all } = await back(first.handle, 2, { count: 3, at: brief });
  expect(brieflyOf(all).sort()).toEqual([
    ...['failed /notes/n2', 'schemaUpdated /notes/*', 'snapshot /notes/n1 1'],
  ]);
  expect(JSON.stringify(all)).not.toContain('hush');
});

describe('[RES5] [HTTP11] an event stream that goes on with a lesser token', () => {
  /** The first events of a stream, or what it is refused with. */
  async function stream(path: string, level: number, lastId?: string) {
    const abort = new AbortController();
    const headers: Record<string, string> = {
      authorization: `Bearer ${tokenOf(level)}`,
      accept: 'text/event-stream',
      ...(lastId !== undefined && { 'last-event-id': lastId }),
    };
    const response = await fetch(`${server.url}/v0.1${path}`, { headers, signal: abort.signal });
    if (!response.ok) return { status: response.status, next: undefined, abort };
    const events: { id: string | undefined; text: string }[] = [];
    const parser = createParser({
      onEvent: ({ id, event, data }) => events.push({ id, text: `${event} ${data}` }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const next = async () => {
      while (events.length === 0) parser.feed((await reader?.read())?.value ?? '');
      return events.shift() ?? { id: undefined, text: '' };
    };
    return { status: 200, next, abort };
  }

  test('begins with a snapshot of an object, as it may be seen', async () => {
    using author = await writer();
    await create(author, '/notes/e1', { text: 'a', hush: 'hush' });
    const before = await stream('/notes/e1', 2);
    const { id, text } = (await before.next?.()) ?? {};
    expect(text).toContain('hush');
    before.abort.abort();
    await set(author, '/notes/e1', { hush: 'hush 2' });
    const after = await stream('/notes/e1', 1, id);
    const first = await after.next?.();
    expect(first?.text).toMatch(/^snapshot /);
    expect(first?.text).not.toContain('hush');
    after.abort.abort();
    const same = await stream('/notes/e1', 2, id);
    expect((await same.next?.())?.text).toMatch(/^updated .*hush 2/);
    same.abort.abort();
  });

  test.each(['/notes', '/notes?sort=level'])('is refused its position: %s', async (path) => {
    using author = await writer();
    const before = await stream(path, 2);
    if (path.includes('?')) await before.next?.();
    await create(author, `/notes/e${path.length}`, { text: 'a', hush: 'hush' });
    const { id, text } = (await before.next?.()) ?? {};
    expect(text).toMatch(/^created /);
    before.abort.abort();
    await create(author, `/notes/ee${path.length}`, { text: 'b', hush: 'hush' });
    expect((await stream(path, 1, id)).status).toBe(410);
    const same = await stream(path, 2, id);
    if (path.includes('?')) await same.next?.();
    expect((await same.next?.())?.text).toMatch(/^created .*hush/);
    same.abort.abort();
  });
});
