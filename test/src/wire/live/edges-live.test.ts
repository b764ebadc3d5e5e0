import type { JsonObject } from '@really/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const everybody = 'access: { create: true, read: true, update: true, delete: true }';

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0', REALLY_PUBLIC_DATA: 'nick,never' },
  {
    'models/things/model.yaml': `version: 1
fields: { n: { type: Long }, m: { type: Long }, list: { type: List, items: Long } }
${everybody}
`,
    'models/things/parts/model.yaml': `version: 1\nfields: { n: { type: Long } }\n${everybody}\n`,
  },
);

const create = (client: Client, r: string, body: JsonObject = {}) =>
  client.request({ cmd: 'create', r, body });
const update = (client: Client, r: string, rev: number, ...ops: JsonObject[]) =>
  client.request({ cmd: 'update', r, rev, body: { ops } });
const subscribe = (client: Client, ...subscriptions: JsonObject[]) =>
  client.request({ cmd: 'subscribe', body: { subscriptions } });
const unsubscribe = (client: Client, ...subscriptions: (string | JsonObject)[]) =>
  client.request({ cmd: 'unsubscribe', body: { subscriptions } });
const set = (key: string, value: number): JsonObject => ({ op: 'set', key, value });

/** Revision, and `meta.prev` where the push has one. */
const steps = (pushes: readonly ServerMessage[]) =>
  pushes.map(({ evt, rev, meta }) => [evt, rev, ...(meta?.prev === undefined ? [] : [meta.prev])]);

describe('a replay for some fields', () => {
  // 1: create; n at 2, 4, 7; m at 3, 5, 6.
  const r = '/things/replayed';

  beforeAll(async () => {
    using client = await server.as('seeder');
    await create(client, r);
    for (const [index, key] of ['n', 'm', 'n', 'm', 'm', 'n'].entries()) {
      await update(client, r, index + 1, set(key, index));
    }
  });

  const two = ['updated', 2];
  const four = ['updated', 4, 2];
  const seven = ['updated', 7, 4];

  test.each([
    [0, [['snapshot', 7]]],
    [1, [two, four, seven]],
    [2, [four, seven]],
    [3, [four, seven]],
    [4, [seven]],
    [6, [seven]],
    [7, []],
  ])('[SUB2] [PSH4] after revision %i', async (rev, expected) => {
    using client = await server.as('away');
    await subscribe(client, { r, rev, fields: ['n'] });
    const received: ServerMessage[] = [];
    while (received.length < expected.length) received.push(await client.nextPush());
    expect(steps(received)).toEqual(expected);
    expect(await client.pushesUntilNow()).toEqual([]);
  });
});

test('[PSH4] [PSH5] unseen revisions before a deletion are skipped with prev', async () => {
  using client = await server.as('watcher');
  await create(client, '/things/gone', { n: 1 });
  await subscribe(client, { r: '/things/gone', rev: 1, fields: ['n'] });
  await update(client, '/things/gone', 1, set('m', 1));
  await client.request({ cmd: 'delete', r: '/things/gone' });
  expect(steps([await client.nextPush()])).toEqual([['deleted', 3, 1]]);
});

test('[SUB1] [SUB5] the same R twice in one subscribe is one subscription, with one snapshot', async () => {
  using client = await server.as('twice');
  await create(client, '/things/twice', { n: 1, m: 2 });
  const { body } = await subscribe(
    client,
    { r: '/things/twice', fields: ['n'] },
    { r: '/things/twice/', fields: ['m'] },
    { r: '/things/none' },
    { r: '/things/*/parts/1' },
  );
  const view = expect.stringMatching(/^[\w-]{16}$/);
  expect(body.subscriptions).toEqual([
    { r: '/things/twice', fields: ['n'], view },
    { r: '/things/twice', fields: ['n', 'm'], view },
  ]);
  expect(body.failures).toEqual([
    { r: '/things/none', error: { code: 404, message: 'object.missing' } },
    { r: '/things/*/parts/1', error: { code: 400, message: 'r.invalid' } },
  ]);
  expect(await client.pushesUntilNow()).toEqual([
    {
      evt: 'snapshot',
      r: '/things/twice',
      rev: 1,
      meta: { view },
      body: { _r: '/things/twice', _rev: 1, n: 1, m: 2 },
    },
  ]);
  const ended = await unsubscribe(client, '/things/twice', '/things/twice/', '/things/none', 'q7');
  expect(ended.body).toEqual({ subscriptions: ['/things/twice'] });
  expect((await unsubscribe(client, '/things/twice')).error?.message).toBe('subscription.missing');
});

test('[PSH1] equal ids under different parents are pushed to each collection that has them', async () => {
  using client = await server.as('parents');
  await subscribe(client, { r: '/things/*/parts' }, { r: '/things/pa/parts' });
  for (const parent of ['/things/pa', '/things/pb']) {
    await create(client, parent);
    await create(client, `${parent}/parts/same`);
  }
  const received = [await client.nextPush(), await client.nextPush(), await client.nextPush()];
  expect(new Set(received.map(({ r, body }) => `${r} ${body._r}`))).toEqual(
    new Set([
      '/things/pa/parts/* /things/pa/parts/same',
      '/things/*/parts/* /things/pa/parts/same',
      '/things/*/parts/* /things/pb/parts/same',
    ]),
  );
});

test('[PSH8] only public data of a token is pushed', async () => {
  using client = await server.as('nick', {
    authType: 'password',
    _r: '/things/nick/',
    data: { nick: 'N', secret: 's' },
  });
  await subscribe(client, { r: '/things' });
  await create(client, '/things/by-nick');
  expect((await client.nextPush()).meta).toEqual({
    opBy: { authType: 'password', uid: 'nick', _r: '/things/nick', data: { nick: 'N' } },
    at: expect.any(String),
    pos: expect.any(String),
  });
});

test('[SUB6] [SUB7] connections that come and go receive each creation once', async () => {
  using first = await server.as('first');
  await subscribe(first, { r: '/things' });
  await create(first, '/things/begin');
  let pos = (await first.nextPush()).meta?.pos as string;
  const made: string[] = [];
  let done = false;
  const write = async (name: string) => {
    using client = await server.as(name);
    for (let n = 0; !done; n++) {
      made.push((await create(client, `/things/${name}-${n}`)).body._r);
    }
  };
  const writers = ['w1', 'w2', 'w3'].map(write);
  const received: string[] = [];
  const listen = async (round: number, until: () => boolean) => {
    using client = await server.as('comes-and-goes');
    if (round % 2 === 0) await subscribe(client, { r: '/things', pos });
    else {
      const cmdOpts = { subscribe: true, since: pos };
      await client.request({ cmd: 'read', r: '/things', cmdOpts });
    }
    do {
      const push = await client.nextPush();
      received.push(push.body._r);
      pos = push.meta?.pos as string;
    } while (!until());
  };
  for (let round = 0; round < 12; round++) {
    const enough = received.length + 7;
    await listen(round, () => received.length >= enough);
  }
  done = true;
  await Promise.all(writers);
  if (received.length < made.length) await listen(12, () => received.length >= made.length);
  expect([...received].sort()).toEqual([...made].sort());
});

test('[SUB5] [UNS1] [PSH9] a subscription that is narrowed and widened all the time ends with the stored object', async () => {
  using client = await server.as('wavering');
  using writer = await server.as('writer');
  const r = '/things/wavering';
  await create(writer, r, { n: 0, m: 0 });
  let data: JsonObject = {};
  let rev = 0;
  const take = (pushes: readonly ServerMessage[]) => {
    for (const push of pushes) {
      const before = push.evt === 'snapshot' ? rev : (push.meta?.prev ?? (push.rev ?? 0) - 1);
      expect(Number(before)).toBeLessThanOrEqual(rev);
      expect(push.rev).toBeGreaterThanOrEqual(rev);
      rev = push.rev ?? 0;
      if (push.evt === 'snapshot') data = push.body;
      else for (const key of Object.keys(push.body)) data[key] = push.body[key].value;
    }
  };
  await subscribe(client, { r, fields: ['n'] });
  for (let round = 0; round < 60; round++) {
    const key = round % 3 === 0 ? 'm' : 'n';
    const change = update(writer, r, 1, { op: 'addNumber', key, value: 1 });
    if (round % 2 === 0) await subscribe(client, { r, fields: ['m'] });
    else await unsubscribe(client, { r, fields: ['m'] });
    await change;
    take(client.pushes.splice(0));
  }
  await subscribe(client, { r, fields: ['m'] });
  while (rev < 61) take([await client.nextPush()]);
  expect(data).toMatchObject({ n: 40, m: 20 });
});

test('[LIM3] subscriptions beyond 10,000 fail, and the others are made', async () => {
  using client = await server.as('many');
  const items = Array.from({ length: 10_001 }, (_, n) => ({ r: `/things/x${n}/parts` }));
  const { body } = await subscribe(client, ...items);
  expect(body.subscriptions).toHaveLength(10_000);
  expect(body.failures).toEqual([
    {
      r: '/things/x10000/parts/*',
      error: { code: 429, message: 'rate.limited' },
      meta: { retryAfter: expect.any(Number) },
    },
  ]);
});
