import type { JsonObject } from '@really/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer(
  {},
  {
    'models/lists/model.yaml':
      'version: 1\nfields: { name: { type: String } }\naccess: { create: true, read: true }\n',
    'models/lists/tasks/model.yaml': `version: 1
fields:
  name: { type: String }
  priority: { type: Long }
  place: { type: Object, fields: { row: { type: Long } } }
index: [[priority, name]]
access: { create: true, read: true, update: true, delete: true }
`,
  },
);

const tasks: readonly JsonObject[] = [
  { priority: 2, name: 'b', place: { row: 1 } },
  { priority: 2, name: 'a', place: { row: 1 } },
  { priority: 1, name: 'b' },
  { priority: 2, name: 'b', place: { row: 2 } },
  { name: 'a' },
  { priority: 2 },
  { priority: 1, name: 'b', place: { row: 1 } },
  {},
];

beforeAll(async () => {
  using client = await server.as('seeder');
  for (const list of ['x', 'y'])
    await client.request({ cmd: 'create', r: `/lists/${list}`, body: {} });
  for (const [index, body] of tasks.entries()) {
    const r = `/lists/${index % 3 === 0 ? 'x' : 'y'}/tasks/${index}`;
    const { error } = await client.request({ cmd: 'create', r, body });
    if (error) throw new Error(JSON.stringify(error));
  }
});

const idsOf = (answer: ServerMessage): string =>
  // biome-ignore lint/suspicious/noExplicitAny: a body is whatever the server said
  answer.body.items.map((item: any) => item.body._r.split('/').at(-1)).join('');
const read = (client: Client, cmdOpts: JsonObject, r = '/lists/*/tasks') =>
  client.request({ cmd: 'read', r, cmdOpts });
const invalid = (detail: string) => {
  return { code: 400, message: 'request.invalid', errors: { 'cmdOpts.sort': [detail] } };
};

describe('sort by several keys', () => {
  test.each([
    ['-priority,name', '10352647'],
    ['priority,-name', '62301547'],
    ['-priority, name, -place.row', '13056247'],
    ['name,-_r', '41632075'],
    ['-place.row,priority,-name', '36012547'],
  ])(
    '[REA13] %s, as a text, as a list and over HTTP; and page by page, there and back',
    async (sort, expected) => {
      using client = await server.as('reader');
      expect(idsOf(await read(client, { sort }))).toBe(expected);
      const list = sort.split(',');
      expect(idsOf(await read(client, { sort: list }))).toBe(expected);
      const url = `${server.url}/v0.1/lists/*/tasks?sort=${encodeURIComponent(sort)}`;
      const headers = { authorization: `Bearer ${signToken({ uid: 'http' }, testSecret)}` };
      const answer = await fetch(url, { headers });
      expect(idsOf((await answer.json()) as ServerMessage)).toBe(expected);
      let seen = '';
      let page = await read(client, { sort, limit: 3 });
      for (; page.body.items.length > 0; ) {
        seen += idsOf(page);
        const paginationToken = page.body.tokens.nextToken;
        const next = await read(client, { sort, limit: 3, paginationToken });
        if (next.body.items.length === 0) break;
        page = next;
      }
      expect(seen).toBe(expected);
      let back = idsOf(page);
      for (;;) {
        const paginationToken = page.body.tokens.prevToken;
        page = await read(client, { sort, limit: 3, paginationToken });
        if (page.body.items.length === 0) break;
        back = idsOf(page) + back;
      }
      expect(back).toBe(expected);
    },
  );

  test('[REA13] a live window is in the same order', async () => {
    using client = await server.as('reader');
    using writer = await server.as('writer');
    const sort = ['-priority', 'name'];
    const r = '/lists/x/tasks';
    const window = await read(client, { sort, limit: 2, subscribe: true }, r);
    expect(idsOf(window)).toBe('03');
    const made = { cmd: 'create', r: `${r}/new`, body: { priority: 2, name: 'aa' } };
    await writer.request(made);
    expect(await client.nextPush()).toMatchObject({ evt: 'left', r: `${r}/3` });
    expect(await client.nextPush()).toMatchObject({ evt: 'created', body: { _r: `${r}/new` } });
    await writer.request({ cmd: 'delete', r: `${r}/new` });
    expect(await client.nextPush()).toMatchObject({ evt: 'left', r: `${r}/new` });
    expect(await client.nextPush()).toMatchObject({ evt: 'entered', body: { _r: `${r}/3` } });
  });

  test('[REA13] invalid keys', async () => {
    using client = await server.as('reader');
    const five = 'name,priority,place.row,_rev,_r';
    const tooMany = invalid('expected.from.1.to.4.fields');
    expect((await read(client, { sort: five })).error).toEqual(tooMany);
    const twice = invalid('expected.each.field.once');
    expect((await read(client, { sort: ['name', '-name'] })).error).toEqual(twice);
    expect((await read(client, { sort: [] })).error).toEqual(
      invalid('expected.from.1.to.4.elements'),
    );
    expect((await read(client, { sort: 5 })).error).toEqual(invalid('expected.string.or.list'));
    expect((await read(client, { sort: 'name,', ascending: true })).error?.code).toBe(400);
    for (const sort of ['name,', '-', ',', ['name', '-']]) {
      const { error } = await read(client, { sort });
      expect(error).toEqual(invalid('expected.names.of.fields'));
    }
    expect((await read(client, { sort: 'name,nam' })).error).toEqual({
      code: 409,
      message: 'query.invalid',
      errors: { 'cmdOpts.sort': ['the model has no field nam'] },
    });
  });
});

describe('windows', () => {
  const r = '/lists/y/tasks';
  const create = (client: Client, id: string, priority: number) =>
    client.request({ cmd: 'create', r: `${r}/${id}`, body: { priority, name: 'w' } });
  const query = { filter: "name = 'w'" };

  test('[REA14] a window after a page is the objects after its place', async () => {
    using client = await server.as('reader');
    using writer = await server.as('writer');
    for (const [index, id] of ['wa', 'wb', 'wc', 'wd'].entries()) {
      await create(writer, id, 10 * index);
    }
    const sort = 'priority,name';
    const first = await read(client, { query, sort, limit: 2 }, r);
    expect(idsOf(first)).toBe('wawb');
    const { nextToken, prevToken } = first.body.tokens;
    const after = { query, sort, limit: 2, subscribe: true, paginationToken: nextToken };
    const window = await read(client, after, r);
    expect(idsOf(window)).toBe('wcwd');
    const back = { ...after, paginationToken: prevToken };
    expect((await read(client, back, r)).error?.errors).toEqual({
      'cmdOpts.paginationToken': ['expected.nextToken'],
    });
    // Before its place nothing is of it.
    await create(writer, 'w0', 5);
    await writer.request({ cmd: 'delete', r: `${r}/wa` });
    await create(writer, 'we', 15);
    expect(await client.nextPush()).toMatchObject({ evt: 'left', r: `${r}/wd` });
    const created = await client.nextPush();
    expect(created).toMatchObject({ evt: 'created', body: { _r: `${r}/we` } });
    const move = (id: string, rev: number, value: number) => {
      const ops = [{ op: 'set', key: 'priority', value }];
      return writer.request({ cmd: 'update', r: `${r}/${id}`, rev, body: { ops } });
    };
    await move('we', 1, 1);
    expect(await client.nextPush()).toMatchObject({ evt: 'left', r: `${r}/we` });
    const entered = await client.nextPush();
    expect(entered).toMatchObject({ evt: 'entered', body: { _r: `${r}/wd` } });
    using other = await server.as('reader');
    const since = created.meta?.pos as string;
    await read(other, { ...after, since }, r);
    expect(await other.nextPush()).toMatchObject({ evt: 'left', r: `${r}/we` });
    expect(await other.nextPush()).toMatchObject({ evt: 'entered', body: { _r: `${r}/wd` } });
  });

  test('[QRY9] subscribe with the id of a window raises its limit', async () => {
    using client = await server.as('reader');
    using writer = await server.as('writer');
    const sort = 'priority';
    const part = { filter: "name = 'raised'" };
    for (const [index, id] of ['ra', 'rb', 'rc', 'rd'].entries()) {
      const body = { priority: index, name: 'raised' };
      await writer.request({ cmd: 'create', r: `${r}/${id}`, body });
    }
    const { meta, body } = await read(client, { query: part, sort, limit: 1, subscribe: true }, r);
    expect(body.items).toHaveLength(1);
    const id = meta?.subscription as string;
    const subscribe = (...subscriptions: JsonObject[]) =>
      client.request({ cmd: 'subscribe', body: { subscriptions } });
    const answer = await subscribe({ r: id, limit: 3 });
    expect(answer.body.subscriptions).toMatchObject([{ r: id }]);
    for (const name of ['rb', 'rc']) {
      const push = { evt: 'entered', meta: { subscription: id }, body: { _r: `${r}/${name}` } };
      expect(await client.nextPush()).toMatchObject(push);
    }
    await writer.request({ cmd: 'delete', r: `${r}/ra` });
    expect(await client.nextPush()).toMatchObject({ evt: 'left', r: `${r}/ra` });
    expect(await client.nextPush()).toMatchObject({ evt: 'entered', body: { _r: `${r}/rd` } });
    const { failures } = (
      await subscribe({ r: id, limit: 2 }, { r: 'q99', limit: 5 }, { r, limit: 5 })
    ).body;
    expect(failures).toMatchObject([
      {
        error: {
          code: 400,
          errors: { 'body.subscriptions[0].limit': ['expected.from.3.to.1000'] },
        },
      },
      { error: { code: 404, message: 'subscription.missing' } },
      { error: { code: 400, errors: { 'body.subscriptions[2].limit': ['only.of.queries'] } } },
    ]);
  });

  test('[QRY9] a lower limit in the same request, and none, are refused by name', async () => {
    using client = await server.as('reader');
    const { meta } = await read(client, { sort: 'name', limit: 1, subscribe: true }, r);
    const id = meta?.subscription as string;
    const subscriptions = [{ r: id, limit: 4 }, { r: id, limit: 2 }, { r: id }];
    const answer = await client.request({ cmd: 'subscribe', body: { subscriptions } });
    expect(answer.body.subscriptions).toMatchObject([{ r: id }]);
    const refused = (path: string, code: string) => {
      return {
        r: id,
        error: { code: 400, message: 'request.invalid', errors: { [path]: [code] } },
      };
    };
    expect(answer.body.failures).toEqual([
      refused('body.subscriptions[1].limit', 'expected.from.4.to.1000'),
      refused('body.subscriptions[2].limit', 'expected.integer'),
    ]);
  });
});
