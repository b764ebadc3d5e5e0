import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const model = (fields: string, access = 'create: true, read: true, update: true, delete: true') =>
  `version: 1\nfields: { ${fields} }\naccess: { ${access} }\n`;
const marks = 'n: { type: Long }, name: { type: String }, owner: { type: String }';

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0', REALLY_RATE_ADDRESS: '0' },
  {
    'models/a/model.yaml': model(marks),
    'models/b/model.yaml': model(marks),
    'models/c/model.yaml': model(marks),
    'models/d/model.yaml': model(marks),
    'models/e/model.yaml': model(marks),
    'models/f/model.yaml': model(marks),
    'models/g/model.yaml': model(marks),
    'models/a/parts/model.yaml': model(marks),
    'models/own/model.yaml': model(
      marks,
      'create: true, update: true, delete: true, read: obj.owner == auth.uid',
    ),
    'models/veiled/model.yaml': model(marks),
    'models/veiled/pre-get.js': 'if (obj.owner !== auth.uid) hide("n");\n',
  },
);

const create = (client: Client, r: string, body: JsonObject) =>
  client.request({ cmd: 'create', r, body });
const update = async (client: Client, r: string, ...ops: JsonObject[]) => {
  const { body } = await client.request({ cmd: 'get', r });
  const answer = await client.request({ cmd: 'update', r, rev: body?._rev ?? 1, body: { ops } });
  expect(answer.error).toBeUndefined();
};
const set = (client: Client, r: string, values: JsonObject) =>
  update(client, r, ...Object.entries(values).map(([key, value]) => ({ op: 'set', key, value })));
const add = (client: Client, r: string, value: number) =>
  update(client, r, { op: 'addNumber', key: 'n', value });
const remove = (client: Client, r: string) => client.request({ cmd: 'delete', r });

async function watch(client: Client, r: string, cmdOpts: JsonObject = {}) {
  const answer = await client.request({ cmd: 'read', r, cmdOpts: { ...cmdOpts, subscribe: true } });
  expect(answer.error).toBeUndefined();
  const items = answer.body.items as { body: JsonObject }[] | undefined;
  return { id: answer.meta?.subscription as string, rs: items?.map(({ body }) => body._r) };
}

/** `created /a/1`, `updated /a/1 3`, … */
const shown = ({ evt, r, rev, body }: ServerMessage) =>
  [evt, body?._r ?? r, evt === 'updated' || evt === 'left' ? rev : undefined]
    .filter((part) => part !== undefined)
    .join(' ');
const next = async (client: Client) => shown(await client.nextPush());
const all = async (client: Client) => (await client.pushesUntilNow()).map(shown);

describe('changes of the objects of a query', () => {
  test('[QRY1] [QRY2] [QRY3] [QRY4] created, updated, entered and left', async () => {
    using client = await server.as('one');
    using writer = await server.as('writer');
    await create(writer, '/a/1', { n: 1 });
    const { id, rs } = await watch(client, '/a', {
      query: { filter: 'n >= $n', values: { n: 5 } },
    });
    expect(rs).toEqual([]);
    await create(writer, '/a/2', { n: 5, name: 'two' });
    const created = await client.nextPush();
    expect(created).toMatchObject({ evt: 'created', r: '/a/*', meta: { subscription: id } });
    expect(created.meta?.opBy).toMatchObject({ uid: 'writer' });
    expect(created.meta?.pos).toEqual(expect.any(String));
    expect(created.body).toEqual({ _r: '/a/2', _rev: 1, n: 5, name: 'two' });

    await add(writer, '/a/2', 3);
    const updated = await client.nextPush();
    expect(updated).toMatchObject({
      evt: 'updated',
      r: '/a/2',
      rev: 2,
      meta: { subscription: id },
    });
    expect(updated.body).toEqual({ n: { op: 'addNumber', opValue: 3, value: 8 } });
    expect(updated.meta?.pos).toEqual(expect.any(String));

    await add(writer, '/a/1', 10);
    const entered = await client.nextPush();
    expect(entered).toMatchObject({ evt: 'entered', r: '/a/*', meta: { subscription: id } });
    expect(entered.body).toEqual({ _r: '/a/1', _rev: 2, n: 11 });

    await set(writer, '/a/2', { n: 0 });
    const left = await client.nextPush();
    expect(left).toMatchObject({ evt: 'left', r: '/a/2', rev: 3, meta: { subscription: id } });
    expect(left.body).toBeUndefined();
    await remove(writer, '/a/1');
    expect(await next(client)).toBe('left /a/1 3');
    await set(writer, '/a/2', { name: 'still out' });
    expect(await all(client)).toEqual([]);
  });

  test('[QRY3] only for the requested fields; meta.prev skips other revisions', async () => {
    using client = await server.as('one');
    await create(client, '/b/1', { n: 1, name: 'x' });
    await watch(client, '/b', { fields: ['name'] });
    await add(client, '/b/1', 1);
    await set(client, '/b/1', { name: 'y' });
    const push = await client.nextPush();
    expect(push).toMatchObject({ evt: 'updated', rev: 3, meta: { prev: 1 } });
    expect(push.body).toEqual({ name: { op: 'set', opValue: 'y' } });
    expect(await all(client)).toEqual([]);
  });

  test('[QRY5] a window stays the first of its query', async () => {
    using client = await server.as('one');
    for (const n of [10, 20, 30, 40]) await create(client, `/c/${n}`, { n });
    const { rs } = await watch(client, '/c', { sort: 'n', limit: 2 });
    expect(rs).toEqual(['/c/10', '/c/20']);
    await create(client, '/c/15', { n: 15 });
    expect(await all(client)).toEqual(['left /c/20 1', 'created /c/15']);
    await remove(client, '/c/10');
    expect(await next(client)).toBe('left /c/10 2');
    expect(await next(client)).toBe('entered /c/20');
    await set(client, '/c/15', { n: 99 });
    expect(await next(client)).toBe('left /c/15 2');
    expect(await next(client)).toBe('entered /c/30');
    await set(client, '/c/40', { n: 25 });
    expect(await all(client)).toEqual(['left /c/30 1', 'entered /c/40']);
    await set(client, '/c/40', { n: 5 });
    expect(await all(client)).toEqual(['updated /c/40 3']);
    await create(client, '/c/50', { n: 50 });
    expect(await all(client)).toEqual([]);
  });

  test('[QRY5] nested collections and wildcards', async () => {
    using client = await server.as('one');
    await create(client, '/a/p1', {});
    await create(client, '/a/p2', {});
    await watch(client, '/a/*/parts', { query: { filter: 'n = 1' } });
    await create(client, '/a/p1/parts/1', { n: 1 });
    await create(client, '/a/p2/parts/2', { n: 2 });
    await set(client, '/a/p2/parts/2', { n: 1 });
    const [first, second, ...rest] = await client.pushesUntilNow();
    expect(first).toMatchObject({ evt: 'created', r: '/a/*/parts/*' });
    expect(second).toMatchObject({ evt: 'entered', r: '/a/*/parts/*' });
    expect(rest).toEqual([]);
  });
});

describe('rights', () => {
  test('[QRY6] an object that may not be read any more has left', async () => {
    using amal = await server.as('amal');
    using beno = await server.as('beno');
    await watch(amal, '/own');
    await watch(beno, '/own');
    await create(beno, '/own/1', { owner: 'amal', n: 1 });
    expect(await next(amal)).toBe('created /own/1');
    await set(beno, '/own/1', { owner: 'beno' });
    expect(await next(amal)).toBe('left /own/1 2');
    expect(await next(beno)).toBe('entered /own/1');
    await add(beno, '/own/1', 1);
    expect(await next(beno)).toBe('updated /own/1 3');
    expect(await all(amal)).toEqual([]);
  });

  test('[QRY6] a reader who may see more of an object gets a snapshot; a filter sees what its reader sees', async () => {
    using amal = await server.as('amal');
    using writer = await server.as('writer');
    await create(writer, '/veiled/1', { owner: 'writer', n: 7 });
    const open = await watch(amal, '/veiled');
    const narrow = await watch(amal, '/veiled', { query: { filter: 'n = 7' } });
    expect([open.rs, narrow.rs]).toEqual([['/veiled/1'], []]);
    await set(writer, '/veiled/1', { owner: 'amal' });
    // The pushes of the two windows come in any order.
    const pushes = [await amal.nextPush(), await amal.nextPush()];
    const by = (id: string) => pushes.filter(({ meta }) => meta?.subscription === id);
    expect(by(open.id)).toMatchObject([
      { evt: 'snapshot', r: '/veiled/1', rev: 2, body: { n: 7, owner: 'amal' } },
    ]);
    expect(by(narrow.id)).toMatchObject([{ evt: 'entered', body: { _r: '/veiled/1', n: 7 } }]);
    await set(writer, '/veiled/1', { owner: 'writer' });
    const after = [await amal.nextPush(), await amal.nextPush()];
    expect(after.find(({ meta }) => meta?.subscription === narrow.id)).toMatchObject({
      evt: 'left',
      r: '/veiled/1',
      rev: 3,
    });
  });
});

describe('since', () => {
  test('[QRY7] goes on from the position of the last push: each change once, in order', async () => {
    using client = await server.as('one');
    using writer = await server.as('writer');
    const query = { query: { filter: 'n >= 5' }, sort: 'n', limit: 3 };
    await watch(client, '/d', query);
    for (const n of [5, 6, 7]) await create(writer, `/d/${n}`, { n });
    const pushes = await client.pushesUntilNow();
    const since = pushes.at(-1)?.meta?.pos as string;
    const { rs, id } = await watch(client, '/d', { ...query, since });
    expect(rs).toBeUndefined();
    client.close();

    await add(writer, '/d/5', 1);
    await set(writer, '/d/7', { n: 1 });
    await create(writer, '/d/8', { n: 8 });
    await create(writer, '/d/4', { n: 4 });
    await set(writer, '/d/4', { n: 9 });
    await set(writer, '/d/6', { n: 0 });

    using again = await server.as('one');
    await watch(again, '/d', { ...query, since });
    const missed = await again.pushesUntilNow();
    expect(missed.map(shown)).toEqual([
      'updated /d/5 2',
      'left /d/7 2',
      'created /d/8',
      'left /d/6 2',
      'entered /d/4',
    ]);
    expect(id).toEqual(expect.any(String));
    // From any of them: what came after it.
    for (const [index, { meta }] of missed.entries()) {
      using from = await server.as('one');
      await watch(from, '/d', { ...query, since: meta?.pos as string });
      const rest = await from.pushesUntilNow();
      // The first of two pushes of one change carries the position before it.
      const begin = shown(missed[index] as ServerMessage) === 'left /d/6 2' ? index : index + 1;
      expect(rest.map(shown)).toEqual(missed.slice(begin).map(shown));
    }
  });

  test('[QRY7] an object deleted meanwhile gets left; in a full window its place is unknown', async () => {
    using client = await server.as('one');
    for (const n of [1, 2, 3]) await create(client, `/f/${n}`, { n });
    await watch(client, '/f', { sort: 'n' });
    await create(client, '/f/0', { n: 0 });
    const since = (await client.pushesUntilNow()).at(-1)?.meta?.pos as string;
    await remove(client, '/f/1');
    using again = await server.as('one');
    await watch(again, '/f', { sort: 'n', since });
    expect(await all(again)).toEqual(['left /f/1 2']);
    const full = { sort: 'n', limit: 2, since, subscribe: true };
    const { error } = await again.request({ cmd: 'read', r: '/f', cmdOpts: full });
    expect(error).toMatchObject({ code: 410, message: 'position.gone' });
  });

  test('[QRY7] goes on from a position that lies 10,000 changes back', async () => {
    using client = await server.as('one');
    await watch(client, '/g', { sort: 'n', limit: 3 });
    await create(client, '/g/first', { n: 50_000 });
    const since = (await client.pushesUntilNow()).at(-1)?.meta?.pos as string;
    for (let from = 0; from < 10_000; from += 100) {
      const commands = Array.from({ length: 100 }, (_, n) => {
        return { cmd: 'create', r: '/g', body: { n: 40_000 - from - n } };
      });
      const { error } = await client.request({ cmd: 'batch', body: { commands } });
      expect(error).toBeUndefined();
    }
    using again = await server.as('one');
    await watch(again, '/g', { sort: 'n', limit: 3, since });
    const held = new Map([['/g/first', 50_000]]);
    const least = () => [...held.values()].sort((a, b) => a - b);
    while (least()[0] !== 30_001 || held.size !== 3) {
      const { evt, r = '', body } = await again.nextPush();
      if (evt === 'left') expect(held.delete(r)).toBe(true);
      else held.set(body._r, body.n);
    }
    expect(least()).toEqual([30_001, 30_002, 30_003]);
    expect(await again.pushesUntilNow()).toEqual([]);
  });

  test('[QRY7] an invalid position, or one that the server never had', async () => {
    using client = await server.as('one');
    const read = (since: unknown) =>
      client.request({ cmd: 'read', r: '/e', cmdOpts: { subscribe: true, since } as JsonObject });
    expect((await read('999999')).error).toMatchObject({ code: 410, message: 'position.gone' });
    expect((await read('x')).error).toMatchObject({
      code: 400,
      errors: { 'cmdOpts.since': ['expected.position'] },
    });
    expect((await client.request({ cmd: 'ping' })).evt).toBe('pinged');
  });
});

test('[QRY1] an unsubscribed query is silent', async () => {
  using client = await server.as('one');
  const { id } = await watch(client, '/e');
  await create(client, '/e/1', {});
  expect(await next(client)).toBe('created /e/1');
  await client.request({ cmd: 'unsubscribe', body: { subscriptions: [id] } });
  await create(client, '/e/2', {});
  expect(await all(client)).toEqual([]);
});
