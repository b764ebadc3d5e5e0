import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireApp } from '../app.js';
import { wireServer } from '../wire-server.js';

const everybody = 'access: { create: true, read: true, update: true, delete: true }';

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0', REALLY_PUBLIC_DATA: 'nick' },
  {
    ...wireApp,
    'models/unheard/model.yaml': `version: 1
fields: { n: { type: Long } }
access: { create: true, read: true, update: true, delete: true, subscribe: false }
`,
    'models/evolving/model.yaml': `version: 1\nfields: { n: { type: Long } }\n${everybody}\n`,
  },
);

interface Shown {
  readonly rev: number;
  readonly at?: string;
  readonly evt: string;
  readonly opBy?: JsonObject;
  readonly body?: JsonObject;
}

const history = (client: Client, r: string, cmdOpts: JsonObject = {}) =>
  client.request({ cmd: 'history', r, cmdOpts });
const update = (client: Client, r: string, rev: number, ...ops: JsonObject[]) =>
  client.request({ cmd: 'update', r, rev, body: { ops } });
const set = (key: string, value: JsonObject[string]) => ({ op: 'set', key, value });
const add = (key: string, value = 1) => ({ op: 'addNumber', key, value });
const revsOf = (body: { entries: Shown[] }) => body.entries.map(({ rev }) => rev);

/** Walks all pages, and checks that each begins where the last one ended. */
async function walk(client: Client, r: string, limit: number): Promise<number[]> {
  const revs: number[] = [];
  let before: number | undefined;
  do {
    const { body, error } = await history(client, r, { limit, ...(before && { before }) });
    expect(error).toBeUndefined();
    expect(body.entries.length).toBeLessThanOrEqual(limit);
    revs.push(...revsOf(body));
    before = body.next;
  } while (before !== undefined);
  return revs;
}

describe('history', () => {
  test('[ADM2] [ADM3] shows each revision as its push did, newest first', async () => {
    const r = '/users/h1';
    using author = await server.as('author', { data: { nick: 'N', secret: 's' } });
    using follower = await server.as('follower');
    await follower.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/users' }] } });
    await author.request({ cmd: 'create', r, body: { name: 'a' } });
    await author.request({ cmd: 'subscribe', body: { subscriptions: [{ r, rev: 1 }] } });
    await update(author, r, 1, set('name', 'b'), add('age', 3));
    await update(author, r, 2, { op: 'push', key: 'tags', value: 't' });
    const created = await follower.nextPush();
    const pushes = [created, await author.nextPush(), await author.nextPush()];
    const expected = pushes.map(({ evt, meta, body }, index) => {
      return { rev: index + 1, evt, at: meta?.at, opBy: meta?.opBy, body };
    });
    const answer = await history(follower, r);
    expect(answer).toEqual({
      tag: expect.any(Number),
      r,
      body: { entries: expected.toReversed() },
    });
    expect(answer.body.entries[0].opBy).toEqual({ uid: 'author', data: { nick: 'N' } });
    const { body } = await history(follower, r, { before: 3, limit: 1 });
    expect([revsOf(body), body.next]).toEqual([[2], 2]);
    expect((await history(follower, r, { before: 1 })).body).toEqual({ entries: [] });
    expect(revsOf((await history(follower, r, { before: 99 })).body)).toEqual([3, 2, 1]);
    await server.restart();
    using again = await server.as('follower');
    expect((await history(again, r)).body).toEqual(answer.body);
  });

  test('[ADM2] pages of every size show each revision once', async () => {
    const r = '/users/h2';
    using client = await server.as('author');
    await client.request({ cmd: 'create', r, body: { name: 'a' } });
    for (let rev = 1; rev < 100; rev++) await update(client, r, rev, add('age'));
    const all = Array.from({ length: 100 }, (_, index) => 100 - index);
    for (const limit of [1, 31, 32, 33, 99, 100, 1000]) {
      expect(await walk(client, r, limit)).toEqual(all);
    }
  });

  test('[ADM4] it ends where the history was pruned', async () => {
    const r = '/short/h3';
    using client = await server.as('author');
    await client.request({ cmd: 'create', r, body: {} });
    for (let rev = 1; rev < 60; rev++) await update(client, r, rev, add('n'));
    for (const limit of [1, 2, 3, 100]) expect(await walk(client, r, limit)).toEqual([60, 59, 58]);
    expect((await history(client, r, { before: 58 })).body).toEqual({ entries: [] });
    expect((await history(client, r, { before: 20 })).body).toEqual({ entries: [] });
  });

  test('[ADM4] it takes the rights to read and to subscribe to the object as it is now', async () => {
    using owner = await server.as('owner');
    using other = await server.as('other');
    const r = '/secrets/h4';
    await owner.request({ cmd: 'create', r, body: { owner: 'owner', shared: true, text: 'x' } });
    expect(revsOf((await history(other, r)).body)).toEqual([1]);
    await update(owner, r, 1, set('shared', false));
    expect((await history(other, r)).error).toMatchObject({ code: 403, message: 'forbidden' });
    expect(revsOf((await history(owner, r)).body)).toEqual([2, 1]);
    const ghost = '/ghosts/h4';
    await owner.request({ cmd: 'create', r: ghost, body: { owner: 'owner' } });
    expect((await history(other, ghost)).error).toMatchObject({ code: 404 });
    expect((await history(other, '/ghosts/never')).error).toMatchObject({ code: 404 });
    await owner.request({ cmd: 'create', r: '/unheard/h4', body: {} });
    expect((await history(owner, '/unheard/h4')).error).toMatchObject({ code: 403 });
    expect((await history(owner, '/users/never')).error?.message).toBe('object.missing');
    expect((await history(owner, '/nowhere/1')).error?.message).toBe('model.unknown');
  });

  test('[ADM4] hidden fields are in no revision, nor revisions that changed nothing else', async () => {
    const r = '/people/h5';
    using keeper = await server.as('keeper');
    using other = await server.as('other');
    await keeper.request({ cmd: 'create', r, body: { name: 'a', age: 41 } });
    await update(keeper, r, 1, set('age', 42));
    await update(keeper, r, 2, set('name', 'b'), set('age', 43));
    for (let rev = 3; rev < 80; rev++) await update(keeper, r, rev, add('age'));
    const { body } = await history(other, r);
    expect(revsOf(body)).toEqual([3, 1]);
    expect(JSON.stringify(body)).not.toContain('age"');
    expect(await walk(other, r, 1)).toEqual([3, 1]);
    expect((await walk(keeper, r, 50)).length).toBe(80);
    expect(JSON.stringify((await history(keeper, r, { before: 4 })).body)).toContain(
      '"opValue":43',
    );
  });

  test('[ADM4] [SUB8] it ends at another version of the model', async () => {
    const r = '/evolving/h6';
    using client = await server.as('author');
    await client.request({ cmd: 'create', r, body: { n: 1 } });
    await update(client, r, 1, add('n'));
    await server.folder.write({
      'models/evolving/model.yaml': `version: 2\nfields: { n: { type: Long }, m: { type: Long } }\n${everybody}\n`,
    });
    await server.restart();
    using again = await server.as('author');
    expect((await history(again, r)).body).toEqual({ entries: [] });
    await update(again, r, 2, add('m'));
    expect(revsOf((await history(again, r)).body)).toEqual([3]);
  });

  test('[ADM5] [DEL5] of a deleted object the deletion, to those who may know of it', async () => {
    using owner = await server.as('owner');
    using other = await server.as('other');
    await owner.request({ cmd: 'create', r: '/users/h7', body: { name: 'a' } });
    await owner.request({ cmd: 'delete', r: '/users/h7' });
    const { body } = await history(other, '/users/h7');
    expect(body).toEqual({
      entries: [{ rev: 2, evt: 'deleted', at: expect.any(String), opBy: { uid: 'owner' } }],
    });
    expect((await history(other, '/users/h7', { before: 2 })).body).toEqual({ entries: [] });
    for (const [r, code] of [
      ['/secrets/h7', 410],
      ['/ghosts/h7', 404],
    ] as const) {
      await owner.request({ cmd: 'create', r, body: { owner: 'owner' } });
      await owner.request({ cmd: 'delete', r });
      for (const client of [owner, other]) {
        const { error } = await history(client, r);
        expect(error?.code).toBe(code);
        expect(JSON.stringify(error)).not.toContain('owner');
      }
    }
  });

  test.each([
    [{ before: 0 }, 'cmdOpts.before'],
    [{ before: 1.5 }, 'cmdOpts.before'],
    [{ before: '3' }, 'cmdOpts.before'],
    [{ limit: 0 }, 'cmdOpts.limit'],
    [{ limit: 1001 }, 'cmdOpts.limit'],
    [{ befor: 3 }, 'cmdOpts.befor'],
  ])('[ADM2] [ENV7] [ENV9] %j is refused by name', async (cmdOpts, path) => {
    using client = await server.as('author');
    const { error } = await history(client, '/users/1', cmdOpts);
    expect([error?.message, Object.keys(error?.errors ?? {})]).toEqual(['request.invalid', [path]]);
    const collection = await history(client, '/users');
    expect(collection.error?.message).toBe('r.object.required');
  });
});

describe('over HTTP', () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/v0.1${path}`, {
      headers: { authorization: `Bearer ${signToken({ uid: 'h' }, testSecret)}`, ...headers },
    });

  test('[ADM7] GET …?history is the same', async () => {
    const r = '/users/h8';
    using client = await server.as('author');
    await client.request({ cmd: 'create', r, body: { name: 'a' } });
    await update(client, r, 1, set('name', 'b'));
    const { tag: _tag, ...expected } = await history(client, r, { before: 2, limit: 5 });
    const response = await get(`${r}?history&before=2&limit=5`);
    expect(await response.json()).toEqual(expected);
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('cache-control')).toContain('private');
    const refused = async (query: string, headers?: Record<string, string>) => {
      const answer = await get(`${r}?${query}`, headers);
      const { error } = (await answer.json()) as { error: { errors: JsonObject } };
      return [answer.status, ...Object.keys(error.errors)];
    };
    expect(await refused('history&fields=name')).toEqual([400, 'fields']);
    expect(await refused('before=3')).toEqual([400, 'before']);
    expect(await refused('limit=3')).toEqual([400, 'limit']);
    expect(await refused('history&before=x')).toEqual([400, 'cmdOpts.before']);
    expect(await refused('history=maybe')).toEqual([400, 'history']);
    expect(await refused('histroy')).toEqual([400, 'histroy']);
    const events = { accept: 'text/event-stream' };
    expect(await refused('history', events)).toEqual([400, 'history']);
    expect((await (await get(`${r}?history=false`)).json()) as JsonObject).toHaveProperty('meta');
  });
});

test('[ADM6] [LIM4] a page of large revisions ends early, and goes on', async () => {
  const r = '/users/h9';
  using client = await server.as('author');
  await client.request({ cmd: 'create', r, body: { name: 'a' } });
  const text = 'x'.repeat(500_000);
  for (let rev = 1; rev <= 20; rev++) await update(client, r, rev, set('extra', `${rev} ${text}`));
  const first = await history(client, r);
  expect(first.body.entries.length).toBeLessThan(20);
  expect(JSON.stringify(first).length).toBeLessThan(8 * 1024 * 1024);
  const all = Array.from({ length: 21 }, (_, index) => 21 - index);
  expect(await walk(client, r, 100)).toEqual(all);
});
