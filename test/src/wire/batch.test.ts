import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Client } from '../harness/client.js';
import { wireServer } from './wire-server.js';

const server = wireServer();
const limited = wireServer({ REALLY_RATE_COMMANDS: '20' });

const batch = (client: Client, commands: readonly JsonObject[], cmdOpts?: JsonObject) =>
  client.request({ cmd: 'batch', body: { commands: [...commands] }, ...(cmdOpts && { cmdOpts }) });
const create = (r: string, body: JsonObject) => ({ cmd: 'create', r, body });
const set = (r: string, rev: number, key: string, value: JsonObject[string]) => ({
  cmd: 'update',
  r,
  rev,
  body: { ops: [{ op: 'set', key, value }] },
});
const remove = (r: string) => ({ cmd: 'delete', r });
const get = (client: Client, r: string) => client.request({ cmd: 'get', r });

test('[BAT1] creates, updates and deletes, with an answer for each, in order', async () => {
  using client = await server.as('one');
  await client.request(create('/users/b1', { name: 'a' }));
  const answer = await batch(client, [
    create('/users', { name: 'made' }),
    { ...set('/users/b1', 1, 'name', 'b'), cmd: 'UPDATE' },
    create('/users/b2', { name: 'two' }),
    remove('/users/b2'),
  ]);
  const results = answer.body.results as { r: string; rev?: number; body?: JsonObject }[];
  expect(results[0]).toMatchObject({
    r: '/users/*',
    body: { _rev: 1, name: 'made', shout: 'HELLO MADE' },
  });
  expect(results.slice(1)).toEqual([
    { r: '/users/b1', rev: 2 },
    { r: '/users/b2', body: expect.objectContaining({ _r: '/users/b2', _rev: 1 }) },
    { r: '/users/b2' },
  ]);
  const made = results[0]?.body?._r as string;
  expect((await get(client, made)).body.name).toBe('made');
  expect((await get(client, '/users/b2')).error?.code).toBe(410);
});

test('[BAT2] each sees those before it: parents, references, revisions', async () => {
  using client = await server.as('one');
  const answer = await batch(client, [
    create('/users/p1', { name: 'parent' }),
    create('/users/p1/posts/1', { title: 't', author: '/users/p1' }),
    {
      cmd: 'update',
      r: '/users/p1/posts/1',
      rev: 1,
      body: { ops: [{ op: 'addNumber', key: 'likes', value: 2 }] },
    },
    {
      cmd: 'update',
      r: '/users/p1/posts/1',
      rev: 2,
      body: { ops: [{ op: 'addNumber', key: 'likes', value: 3 }] },
    },
  ]);
  expect(answer.error).toBeUndefined();
  expect((await get(client, '/users/p1/posts/1')).body).toMatchObject({ likes: 5, _rev: 3 });
  const orphan = await batch(client, [
    remove('/users/p1'),
    create('/users/p1/posts/2', { title: 'x' }),
  ]);
  expect(orphan.error).toMatchObject({
    code: 404,
    message: 'object.parent.missing',
    errors: { 'commands[1]': ['object.parent.missing'] },
  });
  expect((await get(client, '/users/p1')).body._rev).toBe(1);
});

describe('[BAT3] where one is refused nothing is written, and the batch has its error', () => {
  const bad: readonly [string, JsonObject, JsonObject][] = [
    [
      'a field',
      create('/users/x9', { name: 'x', age: -1 }),
      {
        code: 409,
        message: 'validation.failed',
        errors: {
          'commands[1]': ['validation.failed'],
          'commands[1].age': ['validation.custom.failed'],
        },
      },
    ],
    [
      'an old revision',
      set('/users/f1', 9, 'name', 'x'),
      { code: 409, message: 'object.revision.unknown' },
    ],
    [
      'an object that is missing',
      remove('/users/nobody'),
      { code: 404, message: 'object.missing' },
    ],
    ['a right', create('/secrets/1', { owner: 'other' }), { code: 403, message: 'forbidden' }],
    ['a model', create('/nothing', {}), { code: 404, message: 'model.unknown' }],
    [
      'a unique value',
      create('/users', { name: 'u', email: 'taken@x.y' }),
      { code: 409, message: 'validation.failed' },
    ],
  ];
  test.each(bad)('%s', async (_name, command, error) => {
    using client = await server.as('one');
    await client.request(create('/users/f1', { name: 'f', email: 'taken@x.y' }));
    await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/users' }] } });
    const before = (await client.request({ cmd: 'count', r: '/users' })).body.totalResults;
    const answer = await batch(client, [create('/users', { name: 'first' }), command]);
    expect(answer.error).toMatchObject(error);
    expect(answer.error?.errors).toHaveProperty(['commands[1]'], [error.message]);
    expect((await client.request({ cmd: 'count', r: '/users' })).body.totalResults).toBe(before);
    expect(await client.pushesUntilNow()).toEqual([]);
  });
});

test('[BAT4] subscribers hear the changes of a batch in its order', async () => {
  using client = await server.as('one');
  await client.request(create('/users/s1', { name: 'a' }));
  await client.request({ cmd: 'subscribe', body: { subscriptions: [{ r: '/users/s1', rev: 1 }] } });
  await batch(client, [
    set('/users/s1', 1, 'name', 'b'),
    set('/users/s1', 2, 'name', 'c'),
    remove('/users/s1'),
  ]);
  const pushes = await client.pushesUntilNow();
  expect(pushes.map(({ evt, rev }) => [evt, rev])).toEqual([
    ['updated', 2],
    ['updated', 3],
    ['deleted', 4],
  ]);
});

describe('[BAT5] what a batch may hold', () => {
  test.each([
    [{}, { 'body.commands': ['expected.list'] }],
    [{ commands: [] }, { 'body.commands': expect.any(Array) }],
    [{ commands: Array(101).fill(remove('/users/1')) }, { 'body.commands': expect.any(Array) }],
    [{ commands: [{ cmd: 'get', r: '/users/1' }] }, { 'body.commands[0].cmd': expect.any(Array) }],
    [
      { commands: [remove('/users/1'), { ...remove('/users/2'), cmdOpts: { once: 'x' } }] },
      { 'body.commands[1].cmdOpts.once': expect.any(Array) },
    ],
    [{ commands: [3] }, { 'body.commands[0]': expect.any(Array) }],
  ])('%j', async (body, errors) => {
    using client = await server.as('one');
    const { error } = await client.request({ cmd: 'batch', body: body as JsonObject });
    expect(error).toMatchObject({ code: 400, message: 'request.invalid', errors });
    expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
  });

  test('[BAT5] a hundred', async () => {
    using client = await server.as('one');
    const commands = Array.from({ length: 100 }, (_, n) => create(`/users/h${n}`, { name: 'h' }));
    expect((await batch(client, commands)).body.results).toHaveLength(100);
  });
});

test('[BAT6] once: the second time the first answers, and nothing changes', async () => {
  using client = await server.as('one');
  const commands = [
    create('/users/o1', { name: 'o' }),
    {
      cmd: 'update',
      r: '/users/o1',
      rev: 1,
      body: { ops: [{ op: 'addNumber', key: 'score', value: 1 }] },
    },
  ];
  const first = await batch(client, commands, { once: 'batch-1' });
  expect(first.meta).toBeUndefined();
  const second = await batch(client, commands, { once: 'batch-1' });
  expect(second).toMatchObject({
    meta: { repeated: true },
    body: {
      results: [
        { r: '/users/o1', body: { _r: '/users/o1', _rev: 1 } },
        { r: '/users/o1', rev: 2 },
      ],
    },
  });
  expect((await get(client, '/users/o1')).body).toMatchObject({ score: 1, _rev: 2 });
  const other = await batch(client, [create('/users/o2', { name: 'o' })], { once: 'batch-1' });
  expect(other.error).toMatchObject({ code: 409, message: 'once.reused' });
  const single = await client.request({ ...remove('/users/o1'), cmdOpts: { once: 'batch-1' } });
  expect(single.error).toMatchObject({ code: 409, message: 'once.reused' });
});

test('[BAT7] a batch counts as its commands for limits', async () => {
  using client = await limited.as('one');
  const fifteen = Array.from({ length: 15 }, (_, n) => create(`/users/l${n}`, { name: 'l' }));
  expect((await batch(client, fifteen)).error).toBeUndefined();
  const refused = await batch(client, fifteen);
  expect(refused.error).toMatchObject({ code: 429, message: 'rate.limited' });
  expect(refused.meta?.retryAfter).toBeGreaterThan(0);
  expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
});

test('[BAT3] a batch that fails among many that race leaves no half of it', async () => {
  using reader = await server.as('reader');
  const clients = await Promise.all(['r1', 'r2', 'r3', 'r4'].map((uid) => server.as(uid)));
  await reader.request(create('/users/left', { name: 'l', score: 0 }));
  await reader.request(create('/users/right', { name: 'r', score: 0 }));
  const move = (client: Client, value: number) =>
    batch(client, [
      {
        cmd: 'update',
        r: '/users/left',
        rev: 1,
        body: { ops: [{ op: 'addNumber', key: 'score', value }] },
      },
      {
        cmd: 'update',
        r: '/users/right',
        rev: 1,
        body: { ops: [{ op: 'addNumber', key: 'score', value: -value }] },
      },
      ...(value % 3 === 0 ? [create('/users', { name: 'x', age: -1 })] : []),
    ]);
  const moves = clients.flatMap((client) => Array.from({ length: 15 }, (_, n) => move(client, n)));
  const answers = await Promise.all(moves);
  const done = answers.flatMap(({ error }, n) => (error ? [] : [n % 15]));
  const sum = done.reduce((total, value) => total + value, 0);
  const { items } = (
    await reader.request({
      cmd: 'read',
      r: '/users',
      cmdOpts: { query: { filter: 'name in $n', values: { n: ['l', 'r'] } }, sort: 'score' },
    })
  ).body;
  const scores = items
    .filter(({ body }: { body: JsonObject }) =>
      ['/users/left', '/users/right'].includes(String(body._r)),
    )
    .map(({ body }: { body: JsonObject }) => body.score);
  expect(scores).toEqual([-sum, sum]);
  expect(done).toHaveLength(40);
  for (const client of clients) client[Symbol.dispose]();
});
