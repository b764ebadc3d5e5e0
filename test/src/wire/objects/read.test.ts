import type { JsonObject } from '@really/protocol';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Client, ServerMessage } from '../../harness/client.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

const read = (client: Client, r: string, cmdOpts: JsonObject = {}) =>
  client.request({ cmd: 'read', r, cmdOpts });
const where = (filter: string, values: JsonObject = {}): JsonObject => ({
  query: { filter, values },
});
const ids = (answer: ServerMessage): string[] =>
  // biome-ignore lint/suspicious/noExplicitAny: a body is whatever the server said
  answer.body.items.map((item: any) => item.body._r.split('/').at(-1));

beforeAll(async () => {
  using client = await server.as('seeder');
  for (let n = 0; n < 30; n++) {
    const id = `u${String(n).padStart(2, '0')}`;
    const answer = await client.request({
      cmd: 'create',
      r: `/users/${id}`,
      body: {
        name: `name ${n % 7}`,
        tags: n % 2 === 0 ? ['even', `t${n}`] : ['odd'],
        ...(n < 20 ? { age: 30 - n } : {}),
        ...(n === 3 ? { picture: { xlarge: 'big' } } : {}),
      },
    });
    if (answer.error !== undefined) throw new Error(JSON.stringify(answer));
  }
  for (const user of ['u00', 'u01']) {
    for (const n of [1, 2, 3]) {
      await client.request({
        cmd: 'create',
        r: `/users/${user}/posts/p${n}`,
        body: { title: `${user} ${n}`, likes: n },
      });
    }
  }
  await client.request({ cmd: 'delete', r: '/users/u29' });
});

describe('read', () => {
  test('[REA1] [REA3] newest id first, or ascending, without the deleted', async () => {
    using client = await server.as('reader');
    const all = await read(client, '/users');
    expect(all.r).toBe('/users/*');
    expect(ids(all)).toHaveLength(29);
    expect(ids(all).slice(0, 3)).toEqual(['u28', 'u27', 'u26']);
    expect(all.body.items[0].meta.fields).toContain('email');
    expect(ids(await read(client, '/users/', { ascending: true, limit: 2 }))).toEqual([
      'u00',
      'u01',
    ]);
  });

  test('[REA1] [R4] over all parents', async () => {
    using client = await server.as('reader');
    const answer = await read(client, '/users/*/posts', { sort: 'likes' });
    expect(answer.r).toBe('/users/*/posts/*');
    expect(ids(answer)).toEqual(['p1', 'p1', 'p2', 'p2', 'p3', 'p3']);
    expect(ids(await read(client, '/users/u01/posts/*'))).toEqual(['p3', 'p2', 'p1']);
  });

  test('[REA2] limit and skip', async () => {
    using client = await server.as('reader');
    expect(ids(await read(client, '/users', { limit: 2, skip: 3 }))).toEqual(['u25', 'u24']);
    for (const limit of [0, 1001, 1.5, '5', true]) {
      const { error } = await read(client, '/users', { limit });
      expect(error, String(limit)).toMatchObject({ code: 400, message: 'request.invalid' });
      expect(error?.errors).toHaveProperty(['cmdOpts.limit']);
    }
  });

  test('[REA4] sorts, missing last in either direction', async () => {
    using client = await server.as('reader');
    const up = ids(await read(client, '/users', { sort: 'age', limit: 29 }));
    expect(up.slice(0, 2)).toEqual(['u19', 'u18']);
    const down = ids(await read(client, '/users', { sort: '-age', limit: 29 }));
    expect(down.slice(0, 2)).toEqual(['u00', 'u01']);
    expect(new Set(down.slice(20))).toEqual(new Set(up.slice(20)));
    const both = await read(client, '/users', { sort: 'age', ascending: true });
    expect(both.error).toMatchObject({ code: 400, message: 'request.invalid' });
  });

  test.each<[string, JsonObject]>([
    ['by id', {}],
    ['ascending', { ascending: true }],
    ['by age', { sort: 'age' }],
    ['by age down', { sort: '-age' }],
    ['by name', { sort: 'name' }],
    ['filtered', { sort: '-name', ...where('tags contains $t', { t: 'even' }) }],
  ])('[REA5] [REA7] pages %s, there and back', async (_, options) => {
    using client = await server.as('reader');
    const whole = ids(await read(client, '/users', options));
    const walked: string[] = [];
    let paginationToken: string | undefined;
    let last: string | undefined;
    for (;;) {
      const page: ServerMessage = await read(client, '/users', {
        ...options,
        limit: 4,
        ...(paginationToken === undefined ? {} : { paginationToken }),
      });
      if (page.body.items.length === 0) {
        expect(page.body.tokens).toBeUndefined();
        break;
      }
      walked.push(...ids(page));
      paginationToken = page.body.tokens.nextToken;
      last = page.body.tokens.prevToken;
    }
    expect(walked).toEqual(whole);
    const back = await read(client, '/users', {
      ...options,
      limit: 4,
      paginationToken: last ?? '',
    });
    expect(ids(back)).toEqual(
      whole.slice(
        whole.length - (whole.length % 4 || 4) - 4,
        whole.length - (whole.length % 4 || 4),
      ),
    );
  });

  test("[REA5] the first page's prevToken finds newer objects", async () => {
    using client = await server.as('reader');
    await client.request({ cmd: 'create', r: '/short/m', body: {} });
    const first = await read(client, '/short');
    await client.request({ cmd: 'create', r: '/short/n', body: {} });
    await client.request({ cmd: 'create', r: '/short/a', body: {} });
    const newer = await read(client, '/short', { paginationToken: first.body.tokens.prevToken });
    expect(ids(newer)).toEqual(['n']);
  });

  test('[REA6] a token of another query is refused', async () => {
    using client = await server.as('reader');
    const page = await read(client, '/users', { sort: 'age', limit: 2 });
    const paginationToken: string = page.body.tokens.nextToken;
    for (const options of [{ sort: '-age' }, {}, { sort: 'age', ...where('age > 3') }]) {
      const { error } = await read(client, '/users', { ...options, paginationToken });
      expect(error).toMatchObject({ code: 400, message: 'request.invalid' });
    }
    const junk = await read(client, '/users', { paginationToken: 'junk' });
    expect(junk.error).toMatchObject({ code: 400, message: 'request.invalid' });
  });

  test('[REA8] [CNT1] totals', async () => {
    using client = await server.as('reader');
    const answer = await read(client, '/users', {
      ...where('age >= 20'),
      limit: 2,
      includeTotalCount: true,
    });
    expect(answer.body.totalResults).toBe(11);
    const count = await client.request({ cmd: 'count', r: '/users', cmdOpts: where('age >= 20') });
    expect(count.body).toEqual({ totalResults: 11 });
    expect((await read(client, '/users')).body).not.toHaveProperty('totalResults');
  });
});

describe('RQL', () => {
  test.each<[string, JsonObject, number]>([
    ['age = 30', {}, 1],
    ['age != 30', {}, 28],
    ['age < 15 OR age > 28', {}, 6],
    ['NOT (age < 15) AND age <= $max', { max: 20 }, 6],
    ['age in $ages', { ages: [30, 29, 'x', null] }, 11],
    ['age between $b', { b: [12, 14] }, 3],
    ['age = null', {}, 9],
    ['age = $text', { text: '30' }, 0],
    ["tags contains 'even'", {}, 15],
    ["name starts with 'name 1'", {}, 4],
    ["picture.xlarge = 'big'", {}, 1],
    ['picture.xlarge = null', {}, 28],
    ['active = true', {}, 29],
    ["_r = '/users/u07'", {}, 1],
    ['_rev >= 1', {}, 29],
    ["name = 'name 1' and (age = 29 or age = 22) and not tags contains 'even'", {}, 1],
  ])('[REA9] [RQL1] [RQL2] [RQL3] [RQL4] %s %j', async (filter, values, expected) => {
    using client = await server.as('reader');
    const answer = await client.request({
      cmd: 'count',
      r: '/users',
      cmdOpts: where(filter, values),
    });
    expect(answer.error).toBeUndefined();
    expect(answer.body.totalResults).toBe(expected);
  });

  test.each<[string, JsonObject]>([
    ['', {}],
    ['   ', {}],
    ['age >', {}],
    ['age >< 3', {}],
    ['nosuch = 1', {}],
    ['picture.nosuch = 1', {}],
    ['age = $none', {}],
    ['age in $x', { x: 3 }],
    ['age between $x', { x: [1] }],
    ["name = 'open", {}],
    ['age = 1; drop table users', {}],
    [`${'('.repeat(40)}age = 1${')'.repeat(40)}`, {}],
    [`age = 1${' or age = 2'.repeat(500)}`, {}],
  ])('[RQL5] [RQL6] %.30s is query.invalid', async (filter, values) => {
    using client = await server.as('reader');
    const { error } = await read(client, '/users', where(filter, values));
    expect(error).toMatchObject({ code: 409, message: 'query.invalid' });
    if (filter.includes('$none')) expect(JSON.stringify(error?.errors)).toContain('none');
    if (filter.includes('><')) expect(JSON.stringify(error?.errors)).toMatch(/\d/);
  });
});

describe('rights', () => {
  test('[REA10] [ACC5] [CNT1] objects that may not be read are left out', async () => {
    using owner = await server.as('owner');
    using other = await server.as('other');
    for (let n = 0; n < 6; n++) {
      await owner.request({
        cmd: 'create',
        r: `/secrets/r${n}`,
        body: { owner: 'owner', shared: n % 3 === 0, age: n },
      });
    }
    expect(ids(await read(owner, '/secrets'))).toHaveLength(6);
    expect(ids(await read(other, '/secrets', { limit: 1 }))).toEqual(['r3']);
    const answer = await read(other, '/secrets', { includeTotalCount: true, sort: 'age' });
    expect(ids(answer)).toEqual(['r0', 'r3']);
    expect(answer.body.totalResults).toBe(2);
    const count = await other.request({ cmd: 'count', r: '/secrets', cmdOpts: where('age > 0') });
    expect(count.body.totalResults).toBe(1);
  });

  test('[REA10] [DUR4] a hidden field counts as missing in filters, counts and sorts', async () => {
    using client = await server.as('amal');
    using keeper = await server.as('keeper');
    for (const [id, age, openAge] of [
      ['h1', 10, false],
      ['h2', 20, true],
      ['h3', 30, false],
      ['h4', 5, true],
    ] as const) {
      await client.request({
        cmd: 'create',
        r: `/people/${id}`,
        body: { name: 'hid', age, openAge },
      });
    }
    const count = async (who: Client, filter: string) =>
      (await who.request({ cmd: 'count', r: '/people', cmdOpts: where(filter) })).body.totalResults;
    expect(await count(keeper, 'age >= 10')).toBe(3);
    expect(await count(client, 'age >= 10')).toBe(1);
    expect(await count(client, 'age = null')).toBe(2);
    expect(ids(await read(keeper, '/people', { sort: 'age' }))).toEqual(['h4', 'h1', 'h2', 'h3']);
    const seen = ids(await read(client, '/people', { sort: 'age' }));
    expect(seen.slice(0, 2)).toEqual(['h4', 'h2']);
    const first = await read(client, '/people', { sort: '-age', limit: 3 });
    expect(ids(first).slice(0, 2)).toEqual(['h2', 'h4']);
    const second = await read(client, '/people', {
      sort: '-age',
      limit: 3,
      paginationToken: first.body.tokens.nextToken,
    });
    expect(new Set([...ids(first), ...ids(second)])).toEqual(new Set(['h1', 'h2', 'h3', 'h4']));
  });
});
