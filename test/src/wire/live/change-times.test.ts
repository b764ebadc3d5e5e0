import { expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const set = (client: Client, r: string, rev: number, name: string) =>
  client.request({
    ...{ cmd: 'update', r, rev },
    body: { ops: [{ op: 'set', key: 'name', value: name }] },
  });

const subscribe = (client: Client, item: { r: string; rev?: number; pos?: string }) =>
  client.request({ cmd: 'subscribe', body: { subscriptions: [{ ...item }] } });

const times = (pushes: readonly ServerMessage[]) =>
  pushes.map(({ evt, meta }) => [evt, meta?.at] as const);

async function pushes(client: Client, count: number): Promise<ServerMessage[]> {
  const received: ServerMessage[] = [];
  while (received.length < count) received.push(await client.nextPush());
  return received;
}

test('[ADM3] pushes carry the time of the change, and a replay after a restart the same one', async () => {
  const r = '/users/timed';
  using author = await server.as('author');
  using collection = await server.as('collection');
  const { body } = await subscribe(collection, { r: '/users' });
  using window = await server.as('window');
  const read = { cmd: 'read', r: '/users', cmdOpts: { subscribe: true, sort: 'name' } };
  const opened = await window.request(read);
  const since = opened.meta?.pos ?? undefined;
  const before = Date.now();
  await author.request({ cmd: 'create', r, body: { name: 'a' } });
  await subscribe(author, { r, rev: 1 });
  await set(author, r, 1, 'b');
  await set(author, r, 2, 'c');
  const live = times(await pushes(author, 2));
  const after = Date.now();
  for (const [, at] of live) {
    expect(at).toMatch(instant);
    expect(Date.parse(String(at))).toBeGreaterThanOrEqual(before);
    expect(Date.parse(String(at))).toBeLessThanOrEqual(after);
  }
  const [created] = times(await pushes(collection, 1));
  expect(created).toEqual(['created', expect.stringMatching(instant)]);
  const inWindow = times(await pushes(window, 3));
  expect(inWindow).toEqual([created, ...live]);
  expect([body.failures, since]).toEqual([undefined, undefined]);

  await server.restart();
  using again = await server.as('author');
  await subscribe(again, { r, rev: 1 });
  expect(times(await pushes(again, 2))).toEqual(live);
  using deleter = await server.as('deleter');
  await deleter.request({ cmd: 'delete', r });
  const [deleted] = times(await pushes(again, 1));
  expect(deleted).toEqual(['deleted', expect.stringMatching(instant)]);
  using late = await server.as('late');
  await subscribe(late, { r, rev: 1 });
  expect(times(await pushes(late, 1))).toEqual([deleted]);
});

test('[ADM3] a window that goes on from a position is sent the times of the changes, not of the replay', async () => {
  using author = await server.as('author');
  using window = await server.as('window');
  const read = { cmd: 'read', r: '/users', cmdOpts: { subscribe: true } };
  await window.request(read);
  await author.request({ cmd: 'create', r: '/users/w1', body: { name: 'a' } });
  const [first] = await pushes(window, 1);
  await set(author, '/users/w1', 1, 'b');
  await author.request({ cmd: 'delete', r: '/users/w1' });
  const live = times(await pushes(window, 2));
  expect(live).toEqual([
    ['updated', expect.stringMatching(instant)],
    ['left', expect.stringMatching(instant)],
  ]);
  await author.request({ cmd: 'create', r: '/users/w2', body: { name: 'a' } });
  const [made] = times(await pushes(window, 1));
  await set(author, '/users/w2', 1, 'b');
  const [changed] = times(await pushes(window, 1));
  using again = await server.as('window');
  const since = first?.meta?.pos as string;
  const answer = await again.request({ ...read, cmdOpts: { subscribe: true, since } });
  expect(answer.error).toBeUndefined();
  // What was deleted left with its deletion; the rest comes change by change.
  expect(times(await pushes(again, 3))).toEqual([live[1], made, changed]);
});

test('[ADM3] a snapshot has no time, an event stream the same as a socket', async () => {
  const r = '/users/streamed';
  using author = await server.as('author');
  await author.request({ cmd: 'create', r, body: { name: 'a' } });
  await subscribe(author, { r });
  const [snapshot] = await pushes(author, 1);
  expect([snapshot?.evt, snapshot?.meta?.at]).toEqual(['snapshot', undefined]);
  await set(author, r, 1, 'b');
  const [updated] = await pushes(author, 1);
  const abort = new AbortController();
  const response = await fetch(`${server.url}/v0.1${r}`, {
    headers: {
      authorization: `Bearer ${signToken({ uid: 'streams' }, testSecret)}`,
      ...{ accept: 'text/event-stream', 'last-event-id': '1' },
    },
    signal: abort.signal,
  });
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes('"at"') && text.endsWith('\n\n')) break;
  }
  expect(text).toContain(`"at":${JSON.stringify(updated?.meta?.at)}`);
  abort.abort();
});
