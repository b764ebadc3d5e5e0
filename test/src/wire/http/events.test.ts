import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { Events } from '../../harness/events.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken, withBriefToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();
const crowded = wireServer({ REALLY_LIMITS_CONNECTIONS_PER_ADDRESS: '2' });

async function openEvents(
  url: string,
  more: { uid?: string; claims?: JsonObject; lastId?: string | undefined } = {},
): Promise<Events> {
  const { uid = 'one', claims = {}, lastId } = more;
  const authorization = `Bearer ${signToken({ uid, ...claims }, testSecret)}`;
  const id = lastId === undefined ? {} : { 'last-event-id': lastId };
  const events = await Events.open(url, { authorization, ...id });
  expect(events.response.headers.get('content-type')).toContain('text/event-stream');
  return events;
}

const at = (r: string) => `${server.url}/v0.1${r}`;

/** For an object: the revision and its view. */
const idOf = (rev: number) => expect.stringMatching(new RegExp(`^${rev}\\.[\\w-]{16}$`));

test('[HTTP11] [VIEW2] an object: its snapshot, then each revision, with revision and view as id', async () => {
  using client = await server.as('one');
  await client.request({ cmd: 'create', r: '/users/e1', body: { name: 'a' } });
  const update = (name: string) =>
    client.request({ cmd: 'get', r: '/users/e1' }).then(({ body }) =>
      client.request({
        cmd: 'update',
        r: '/users/e1',
        rev: body._rev,
        body: { ops: [{ op: 'set', key: 'name', value: name }] },
      }),
    );
  using events = await openEvents(at('/users/e1?fields=name'));
  expect(await events.next()).toMatchObject({
    event: 'snapshot',
    id: idOf(1),
    data: { evt: 'snapshot', r: '/users/e1', rev: 1, body: { name: 'a' } },
  });
  await update('b');
  const updated = await events.next();
  expect(updated).toMatchObject({
    event: 'updated',
    id: idOf(2),
    data: { rev: 2, body: { name: { op: 'set', opValue: 'b' } } },
  });
  expect(updated.data.body.shout).toBeUndefined();
  await update('c');
  await update('d');
  using again = await openEvents(at('/users/e1'), { lastId: updated.id });
  const missed = [await again.next(), await again.next()];
  expect(missed.map(({ event, id }) => [event, id])).toEqual([
    ['updated', idOf(3)],
    ['updated', idOf(4)],
  ]);
  // What was seen under another view says nothing of what is missing.
  using other = await openEvents(at('/users/e1'), { lastId: `2.${'x'.repeat(16)}` });
  expect(await other.next()).toMatchObject({ event: 'snapshot', id: idOf(4) });
  await client.request({ cmd: 'delete', r: '/users/e1' });
  expect(await again.next()).toMatchObject({ event: 'deleted', id: idOf(5) });
  expect(await again.end()).toBe(0);
});

test('[HTTP11] a collection: created objects, with the position as id', async () => {
  using client = await server.as('one');
  using events = await openEvents(at('/users/e2/posts'));
  await client.request({ cmd: 'create', r: '/users/e2', body: { name: 'a' } });
  const make = (id: number) =>
    client.request({ cmd: 'create', r: `/users/e2/posts/${id}`, body: { title: 't' } });
  await make(1);
  const first = await events.next();
  expect(first).toMatchObject({
    event: 'created',
    data: { r: '/users/e2/posts/*', body: { _r: '/users/e2/posts/1' } },
  });
  expect(first.id).toBe(first.data.meta.pos);
  await make(2);
  using again = await openEvents(at('/users/e2/posts'), { lastId: first.id });
  expect((await again.next()).data.body._r).toBe('/users/e2/posts/2');
});

test('[HTTP11] a collection without creations so far: objects created during a disconnection are not missed', async () => {
  using client = await server.as('one');
  await client.request({ cmd: 'create', r: '/users/e4', body: { name: 'a' } });
  const authorization = `Bearer ${signToken({ uid: 'one' }, testSecret)}`;
  const headers = { authorization, accept: 'text/event-stream' };
  const response = await fetch(at('/users/e4/posts'), { headers });
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.cancel();
  // An id without data is no event, and the parser says nothing of it.
  const lastId = /^: \nid: (\S+)\n\n$/.exec(Buffer.from(value ?? []).toString())?.[1];
  expect(lastId).toBeDefined();
  await client.request({ cmd: 'create', r: '/users/e4/posts/1', body: { title: 't' } });
  using again = await openEvents(at('/users/e4/posts'), { lastId });
  expect(await again.next()).toMatchObject({
    event: 'created',
    data: { body: { _r: '/users/e4/posts/1' } },
  });
});

test('[HTTP11] a query: its items, then their changes; Last-Event-ID continues', async () => {
  using client = await server.as('one');
  await client.request({ cmd: 'create', r: '/users/e3', body: { name: 'a' } });
  const make = (id: number, likes: number) =>
    client.request({ cmd: 'create', r: `/users/e3/posts/${id}`, body: { title: 't', likes } });
  await make(1, 5);
  const url = at('/users/e3/posts?sort=-likes');
  using events = await openEvents(url);
  const items = await events.next();
  expect(items).toMatchObject({ event: 'items', id: undefined });
  expect(items.data.body.items).toMatchObject([{ body: { _r: '/users/e3/posts/1', likes: 5 } }]);
  await make(3, 9);
  const created = await events.next();
  expect(created).toMatchObject({ event: 'created', data: { body: { _r: '/users/e3/posts/3' } } });
  await client.request({ cmd: 'delete', r: '/users/e3/posts/1' });
  using again = await openEvents(url, { lastId: created.id });
  expect(await again.next()).toMatchObject({ event: 'items', data: { body: {} } });
  expect(await again.next()).toMatchObject({ event: 'left', data: { r: '/users/e3/posts/1' } });
});

test('[HTTP11] refusals come before the stream begins', async () => {
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const authorization = `Bearer ${signToken({ uid: 'one' }, testSecret)}`;
    const response = await fetch(at(path), {
      headers: { authorization, accept: 'text/event-stream', ...headers },
    });
    return [
      response.status,
      ((await response.json()) as { error: { message: string } }).error.message,
    ];
  };
  expect(await ask('/users/nobody')).toEqual([404, 'object.missing']);
  expect(await ask('/nothing')).toEqual([404, 'model.unknown']);
  expect(await ask('/users', { 'last-event-id': '99999999' })).toEqual([410, 'position.gone']);
  expect(await ask('/users', { 'last-event-id': 'x' })).toEqual([400, 'request.invalid']);
  expect(await ask('/users/1', { 'last-event-id': 'x' })).toEqual([400, 'request.invalid']);
  expect(await ask('/users?filter=%28')).toEqual([409, 'query.invalid']);
});

test('[HTTP11] [SES10] a stream ends with token-expired when its token does', async () => {
  using events = await withBriefToken(async (expires) => {
    const authorization = `Bearer ${signToken({ uid: 'one', expires }, testSecret)}`;
    const opened = await Events.open(at('/users'), { authorization });
    return opened.response.status === 200 ? opened : undefined;
  });
  expect(await events.next()).toEqual({
    event: 'token-expired',
    id: undefined,
    data: { evt: 'token-expired' },
  });
  expect(await events.end()).toBe(0);
});

test('[HTTP11] [LIM6] streams count as connections', async () => {
  const url = `${crowded.url}/v0.1/users`;
  const open = () => openEvents(url);
  const [first] = [await open(), await open()];
  const authorization = `Bearer ${signToken({ uid: 'one' }, testSecret)}`;
  const refused = await fetch(url, { headers: { authorization, accept: 'text/event-stream' } });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  first[Symbol.dispose]();
  // The server notices it after a while.
  await expect
    .poll(async () => {
      const response = await fetch(url, {
        headers: { authorization, accept: 'text/event-stream' },
      });
      await response.body?.cancel();
      return response.status;
    })
    .toBe(200);
});

test('[HTTP11] [SES12] a server that stops ends its streams', async () => {
  using events = await openEvents(`${crowded.url}/v0.1/users/none/posts?sort=title`).catch(() =>
    openEvents(`${server.url}/v0.1/users`),
  );
  await crowded.process.stop();
  await server.process.stop();
  await events.end();
  expect(events.ended).toBe(true);
});
