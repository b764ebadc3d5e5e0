import { expect, test } from 'vitest';
import { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';
import { create, project, roomsApp, set } from './rooms-app.js';

const server = wireServer({}, roomsApp);
const tokenOf = (uid: string) => signToken({ uid }, testSecret);

test('[RES2] [LKP4] a push that was lost with its connection is sent again where the rights are the same', async () => {
  using olga = await server.as('olga');
  await project(olga, '/projects/a', { rita: 'reader' });
  await create(olga, '/projects/a/tasks/1', { title: 'one' });
  using rita = await Client.open(server.socketUrl);
  const accessToken = tokenOf('rita');
  const { body } = await rita.request({ cmd: 'initialize', accessToken });
  const cmdOpts = { subscribe: true };
  const { meta } = await rita.request({ cmd: 'read', r: '/projects/a/tasks', cmdOpts });
  await create(olga, '/projects/a/tasks/2', { title: 'two' });
  const lost = await rita.nextPush();
  expect(lost).toMatchObject({ evt: 'created', body: { title: 'two' } });
  rita.socket.terminate();
  await rita.closed;
  using again = await Client.open(server.socketUrl);
  const handle = { 'connection-handle': body['connection-handle'], received: 0 };
  const { body: answer } = await again.request({ cmd: 'initialize', accessToken, ...handle });
  expect(answer.resumed).toBe(true);
  expect(await again.nextPush()).toEqual(lost);
  await create(olga, '/projects/a/tasks/3', { title: 'three' });
  const next = await again.nextPush();
  expect(next).toMatchObject({ evt: 'created', body: { title: 'three' } });
  expect(next.meta?.subscription).toBe(meta?.subscription);
});

/** The ETag of an object, and the status of asking again with it, and with this other one. */
async function tagOf(uid: string, r: string, other = '"none"') {
  const headers = { authorization: `Bearer ${tokenOf(uid)}` };
  const url = `${server.url}/v0.1${r}`;
  const tag = (await fetch(url, { headers })).headers.get('etag') ?? '';
  const status = async (known: string) =>
    (await fetch(url, { headers: { ...headers, 'If-None-Match': known } })).status;
  return { tag, known: await status(tag), other: await status(other) };
}

test('[HTTP6] [LKP4] an ETag goes on to match while what other objects allow is the same', async () => {
  using olga = await server.as('olga');
  await project(olga, '/projects/b', { rita: 'reader' });
  const task = '/projects/b/tasks/1';
  await create(olga, task, { title: 'one', secret: 's1' });
  const before = await tagOf('rita', task);
  expect(before).toMatchObject({ known: 304, other: 200 });
  expect(await tagOf('rita', task, before.tag)).toMatchObject({ known: 304, other: 304 });
  expect(await tagOf('olga', task, before.tag)).toMatchObject({ known: 304, other: 200 });
  await set(olga, '/projects/b/members/rita', { role: 'owner' });
  expect(await tagOf('rita', task, before.tag)).toMatchObject({ known: 304, other: 200 });
});

test('[HTTP6] [LKP4] so does one where each object has rights of its own', async () => {
  using olga = await server.as('olga');
  await create(olga, '/people/ada', { uid: 'ada' });
  const note = '/projects/b/notes/1';
  await create(olga, note, { text: 'a note', author: '/people/ada' });
  const { tag, known } = await tagOf('ada', note);
  expect(known).toBe(304);
  expect(await tagOf('ada', note, tag)).toMatchObject({ known: 304, other: 304 });
  const rev = Number(/^"(\d+)-/.exec(tag)?.[1]);
  const response = await fetch(`${server.url}/v0.1${note}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${tokenOf('ada')}`, 'If-Match': tag },
    body: JSON.stringify({ ops: [{ op: 'set', key: 'text', value: 'another' }] }),
  });
  expect([rev, response.status]).toEqual([1, 200]);
  const written = response.headers.get('etag') ?? '';
  expect(written).toMatch(/^"2-/);
  expect(await tagOf('ada', note, tag)).toMatchObject({ known: 304, other: 200 });
});
