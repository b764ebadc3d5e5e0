import type { JsonObject } from '@really/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const everybody = 'access: { create: true, read: true, update: true, delete: true }';
const plain = `version: 1\nfields: { n: { type: Long }, s: { type: String } }\n${everybody}\n`;

const server = wireServer(
  { REALLY_RATE_COMMANDS: '0' },
  {
    'models/words/model.yaml': `version: 1
fields:
  not: { type: Boolean }
  in: { type: Long }
  or: { type: String }
  x: { type: Double }
  day: { type: Date }
  days: { type: List, items: Date }
  box: { type: Object, fields: { day: { type: Date } } }
  text: { type: Json }
${everybody}
`,
    'models/a/model.yaml': plain,
    'models/a/b/model.yaml': plain,
    'models/a/b/c/model.yaml': plain,
    'models/a/b/c/d/model.yaml': plain,
    'models/a/b/c/d/e/model.yaml': plain,
  },
);

const create = async (client: Client, r: string, body: JsonObject) => {
  const answer = await client.request({ cmd: 'create', r, body });
  expect(answer.error).toBeUndefined();
};
const read = (client: Client, r: string, cmdOpts: JsonObject = {}): Promise<ServerMessage> =>
  client.request({ cmd: 'read', r, cmdOpts });
const rs = ({ error, body }: ServerMessage): string[] => {
  expect(error).toBeUndefined();
  return body.items.map((item: { body: { _r: string } }) => item.body._r);
};

describe('RQL', () => {
  const nasty = "nul\u0000 \ud800 \udc00 \ud83d\ude00 \u2028 \uffff it's \\";

  beforeAll(async () => {
    using client = await server.as('seeder');
    await create(client, '/words/1', { not: true, in: 3, x: -1500, or: nasty });
    await create(client, '/words/2', {
      x: 0.5,
      day: '2024-01-01T00:00:00Z',
      days: ['2024-01-01T00:00:00Z'],
      box: { day: '2024-01-01T01:00:00+01:00' },
    });
  });

  test.each<[string, JsonObject, string]>([
    ['not = true', {}, '1'],
    ['not in = 3 and x != null', {}, '2'],
    ['in in $v or not = null', { v: [] }, '2'],
    ['x = -1.5e3', {}, '1'],
    ['x < -1.4E+3', {}, '1'],
    ['x = 5e-1', {}, '2'],
    ['or = $v', { v: nasty }, '1'],
    ['or starts with $v', { v: 'nul\u0000 \ud800' }, '1'],
    ["day = '2024-01-01T00:00:00Z'", {}, '2'],
    ["day >= '2024-01-01T02:00:00.000+02:00'", {}, '2'],
    ["day < '2024-01-01T00:00:00Z'", {}, ''],
    ['day in $v', { v: ['2024-01-01T00:00Z'] }, '2'],
    ['day between $v', { v: ['2024-01-01T00:00:00Z', '2024-01-01T00:00:00Z'] }, '2'],
    ["day starts with '2024-01'", {}, '2'],
    ["days contains '2024-01-01T00:00:00Z'", {}, '2'],
    ["box.day = '2024-01-01T00:00:00Z'", {}, '2'],
    ["_r = '/words/1' or _r = '/words/2' and x > 1", {}, '1'],
  ])('[RQL1] [RQL2] [RQL3] [RQL4] %s', async (filter, values, expected) => {
    using client = await server.as('asker');
    const query = { filter, values };
    const found = rs(await read(client, '/words', { query, ascending: true }));
    expect(found.map((r) => r.slice('/words/'.length)).join()).toBe(expected);
    const counted = await client.request({ cmd: 'count', r: '/words', cmdOpts: { query } });
    expect(counted.body).toEqual({ totalResults: found.length });
  });
});

describe('pages over five collections', () => {
  const all = '/a/*/b/*/c/*/d/*/e';
  const texts = ['b', 'a', '', '\u0000', '\ud83d\ude00', '\uffff', undefined];

  beforeAll(async () => {
    using client = await server.as('seeder');
    for (const [index, id] of ['a', 'B', '_', '-', '10', '9'].entries()) {
      let parent = `/a/${id}`;
      for (const name of ['/b/x', '/c/y', '/d/z', '']) {
        await create(client, parent, {});
        parent += name;
      }
      for (let n = 0; n < 7; n++) {
        const s = texts[(index * 3 + n) % texts.length];
        const number = (index + n) % 3 === 0 ? {} : { n: ((index * n) % 4) - 2 };
        await create(client, `${parent}/e/${n}`, { ...number, ...(s !== undefined && { s }) });
      }
    }
  });

  test.each<JsonObject>([
    {},
    { ascending: true },
    { sort: 'n' },
    { sort: '-n' },
    { sort: 's' },
    { sort: '-s' },
    { sort: '-_rev' },
    { sort: 'n', query: { filter: "s = null or s >= 'a'" } },
  ])('[REA4] [REA5] [REA7] %j, to the end and all the way back', async (options) => {
    using client = await server.as('walker');
    const whole = rs(await read(client, all, { ...options, limit: 1000 }));
    expect(new Set(whole).size).toBe(whole.length);
    for (const limit of [1, 5, 42, 43]) {
      const there = await walk(client, options, limit, 'nextToken');
      expect(there.flat()).toEqual(whole);
      const last = there.at(-1) ?? [];
      const token = await tokenAt(client, options, limit, there.length);
      const back = await walk(client, options, limit, 'prevToken', token);
      expect([...back.reverse().flat(), ...last]).toEqual(whole);
    }
  });

  /** The Rs of each page until one without items comes, which has no tokens either. */
  async function walk(
    client: Client,
    options: JsonObject,
    limit: number,
    direction: 'nextToken' | 'prevToken',
    from?: string,
  ): Promise<string[][]> {
    const pages: string[][] = [];
    for (let paginationToken = from; ; ) {
      const page = await read(client, all, {
        ...options,
        limit,
        ...(paginationToken !== undefined && { paginationToken }),
      });
      if (rs(page).length === 0) {
        expect(page.body).toEqual({ items: [] });
        return pages;
      }
      pages.push(rs(page));
      paginationToken = page.body.tokens[direction];
    }
  }

  /** The prevToken of the page with this number. */
  async function tokenAt(
    client: Client,
    options: JsonObject,
    limit: number,
    count: number,
  ): Promise<string> {
    let page = await read(client, all, { ...options, limit });
    for (let n = 1; n < count; n++) {
      const { nextToken: paginationToken } = page.body.tokens;
      page = await read(client, all, { ...options, limit, paginationToken });
    }
    return page.body.tokens.prevToken;
  }
});

test('[REA11] [SUB7] objects created while a read subscribes are in its response or pushed, never both', async () => {
  using writer = await server.as('writer');
  for (let round = 0; round < 8; round++) {
    using client = await server.as(`reader${round}`);
    const count = 40;
    const writes = Array.from({ length: count }, (_, n) =>
      create(writer, `/a/race-${round}-${n}`, { n: round }),
    );
    const answer = await read(client, '/a', {
      subscribe: true,
      limit: 1000,
      query: { filter: 'n = $n', values: { n: round } },
    });
    await Promise.all(writes);
    await create(writer, `/a/race-${round}-last`, { n: round });
    const seen = rs(answer);
    while (!seen.includes(`/a/race-${round}-last`)) seen.push((await client.nextPush()).body._r);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(count + 1);
  }
});
