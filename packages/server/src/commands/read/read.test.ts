import type { Auth, JsonObject, JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Positions } from '../../live/position.js';
import { amal, bela, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const open = () => testApp({ models: sampleModels });

async function fill(app: TestApp, objects: Readonly<Record<string, JsonObject>>) {
  for (const [r, body] of Object.entries(objects)) {
    const { error } = await app.send(amal, { cmd: 'create', r, body });
    expect(error).toBeUndefined();
  }
}

function read(app: TestApp, cmdOpts: JsonObject = {}, { r = '/users', auth = amal } = {}) {
  return app.send(auth, { cmd: 'read', r, cmdOpts });
}

interface ReadAnswer {
  readonly items: readonly { readonly meta: JsonObject; readonly body: JsonObject }[];
  readonly tokens?: { readonly nextToken: string; readonly prevToken: string };
  readonly totalResults?: number;
}

function bodyOf(answer: JsonObject): ReadAnswer {
  expect(answer.error).toBeUndefined();
  return answer.body as unknown as ReadAnswer;
}

const ids = (answer: JsonObject) =>
  bodyOf(answer).items.map(({ body }) => String(body._r).replace(/^.*\//, ''));

const where = (filter: string, values?: JsonObject) => ({
  query: { filter, ...(values && { values }) },
});

const users = {
  '/users/a': { name: 'Ann', age: 30 },
  '/users/b': { name: 'Bob' },
  '/users/c': { name: 'Cid', age: 20, tags: ['x'] },
  '/users/d': { name: 'Ann', age: 40, picture: { small: 's' } },
};

describe('read', () => {
  test('[REA1] lists a collection newest id first, with objects as get shows them', async () => {
    const app = await open();
    await fill(app, users);
    await app.send(amal, { cmd: 'delete', r: '/users/b' });
    const answer = await read(app, { fields: ['name', 'friend'] });
    const item = (id: string, name: string) => ({
      meta: { fields: ['name', 'friend'] },
      body: { _r: `/users/${id}`, _rev: 1, name },
    });
    expect(answer).toEqual({
      r: '/users/*',
      body: {
        tokens: { nextToken: expect.any(String), prevToken: expect.any(String) },
        items: [item('d', 'Ann'), item('c', 'Cid'), item('a', 'Ann')],
      },
    });
  });

  test('[REA1] a wildcard covers all parents', async () => {
    const app = await open();
    await fill(app, {
      ...users,
      '/users/a/posts/1': { title: 'A1' },
      '/users/b/posts/2': { title: 'B2' },
      '/users/a/posts/3': { title: 'A3' },
    });
    const all = await read(app, {}, { r: '/users/*/posts' });
    expect(all.r).toBe('/users/*/posts/*');
    expect(ids(all)).toEqual(['3', '2', '1']);
    expect(ids(await read(app, {}, { r: '/users/a/posts/*' }))).toEqual(['3', '1']);
    expect(await read(app, {}, { r: '/users/nobody/posts' })).toEqual({
      r: '/users/nobody/posts/*',
      body: { items: [] },
    });
  });

  test('[GET4] [REA1] references are dereferenced', async () => {
    const app = await open();
    await fill(app, users);
    await fill(app, { '/users/e': { name: 'Eve', friend: '/users/a', team: ['/users/b'] } });
    const { items } = bodyOf(await read(app, { limit: 1 }));
    expect(items[0]?.body).toMatchObject({
      friend: { value: '/users/a', ref: { name: 'Ann' } },
      team: [{ value: '/users/b', ref: { name: 'Bob' } }],
    });
  });

  test('[REA2] limit and skip', async () => {
    const app = await open();
    await fill(app, users);
    expect(ids(await read(app, { limit: 2 }))).toEqual(['d', 'c']);
    expect(ids(await read(app, { limit: 2, skip: 1 }))).toEqual(['c', 'b']);
    expect(ids(await read(app, { skip: 9 }))).toEqual([]);
    for (const limit of [0, 1001, 1.5, '2', -1]) {
      expect((await read(app, { limit })).error).toMatchObject({ message: 'request.invalid' });
    }
  });

  test('[REA2] 200 items by default', async () => {
    const app = await open();
    await Promise.all(
      Array.from({ length: 205 }, () =>
        app.send(amal, { cmd: 'create', r: '/users', body: { name: 'N' } }),
      ),
    );
    expect(bodyOf(await read(app)).items).toHaveLength(200);
    expect(bodyOf(await read(app, { limit: 1000 })).items).toHaveLength(205);
  });

  test('[REA3] ascending reverses the order; ids compare as text', async () => {
    const app = await open();
    await fill(app, { '/users/10': { name: 'T' }, '/users/9': { name: 'N' }, ...users });
    expect(ids(await read(app, { ascending: true }))).toEqual(['10', '9', 'a', 'b', 'c', 'd']);
    expect(ids(await read(app, { ascending: false, limit: 2 }))).toEqual(['d', 'c']);
  });

  test('[REA4] sort orders by a field, missing values last in either direction', async () => {
    const app = await open();
    await fill(app, users);
    expect(ids(await read(app, { sort: 'age' }))).toEqual(['c', 'a', 'd', 'b']);
    expect(ids(await read(app, { sort: '-age' }))).toEqual(['d', 'a', 'c', 'b']);
    expect(ids(await read(app, { sort: 'name' }))).toEqual(['a', 'd', 'b', 'c']);
    expect(ids(await read(app, { sort: '-name' }))).toEqual(['c', 'b', 'd', 'a']);
    expect(ids(await read(app, { sort: 'picture.small', limit: 1 }))).toEqual(['d']);
    expect((await read(app, { sort: 'age', ascending: true })).error).toMatchObject({ code: 400 });
  });

  test('[RQL5] sorting by a field that the model does not know', async () => {
    const app = await open();
    for (const sort of ['nope', '-nope', '-', 'name.x', 'picture.nope', 'constructor']) {
      expect((await read(app, { sort })).error).toEqual({
        code: 409,
        message: 'query.invalid',
        errors: { 'cmdOpts.sort': [`the model has no field ${sort.replace('-', '')}`] },
      });
    }
  });

  test('[REA8] [CNT1] counts the objects', async () => {
    const app = await open();
    await fill(app, users);
    expect(bodyOf(await read(app, { limit: 1, includeTotalCount: true })).totalResults).toBe(4);
    expect(bodyOf(await read(app, { limit: 1 }))).not.toHaveProperty('totalResults');
    const count = { cmd: 'count', r: '/users', cmdOpts: where('age > 25') };
    expect(await app.send(amal, count)).toEqual({ r: '/users/*', body: { totalResults: 2 } });
  });

  test('[REA9] filters, with values, on paths, lists, Json and the revision', async () => {
    const app = await open();
    await fill(app, users);
    await fill(app, { '/users/e': { name: 'Eve', extra: { deep: { x: 1 } } } });
    expect(ids(await read(app, where('age >= $min', { min: 30 })))).toEqual(['d', 'a']);
    expect(ids(await read(app, where("picture.small = 's'")))).toEqual(['d']);
    expect(ids(await read(app, where("tags contains 'x'")))).toEqual(['c']);
    expect(ids(await read(app, where('extra.deep.x = 1')))).toEqual(['e']);
    expect(ids(await read(app, where('age = null and not extra = null')))).toEqual(['e']);
    expect(ids(await read(app, where("_r = '/users/a' or _rev > 1")))).toEqual(['a']);
    expect(ids(await read(app, where("greeting starts with 'Hello A'")))).toEqual(['d', 'a']);
  });

  test('[RQL5] an unknown field is reported with its position, a missing value with its name', async () => {
    const app = await open();
    const error = async (filter: string) => {
      const { error } = await read(app, where(filter));
      expect(error).toMatchObject({ code: 409, message: 'query.invalid' });
      return ((error as JsonObject).errors as JsonObject)['cmdOpts.query.filter'];
    };
    const unknown = (name: string, position: number) => [
      `the model has no field ${name} at position ${position}`,
    ];
    expect(await error('age > 1 and nope = 2')).toEqual(unknown('nope', 13));
    expect(await error("name = 'nope' or nope = 2")).toEqual(unknown('nope', 18));
    expect(await error('picture.nope = 2')).toEqual(unknown('picture.nope', 1));
    expect(await error('tags.x = 2')).toEqual(unknown('tags.x', 1));
    expect(await error('friend.name = 2')).toEqual(unknown('friend.name', 1));
    expect(await error('_r.x = 2')).toEqual(unknown('_r.x', 1));
    expect(await error('_deleted = true')).toEqual(unknown('_deleted', 1));
    expect(await error('age > $min')).toEqual([expect.stringContaining('$min')]);
    expect(await error('')).toEqual([expect.stringContaining('position 1')]);
    const count = { cmd: 'count', r: '/users', cmdOpts: where('nope = 1') };
    expect((await app.send(amal, count)).error).toMatchObject({ message: 'query.invalid' });
  });

  test('[GET2] an unknown field in `fields` is refused', async () => {
    const app = await open();
    expect((await read(app, { fields: ['nope'] })).error).toMatchObject({
      code: 400,
      errors: { 'cmdOpts.fields': ['field.unknown: nope'] },
    });
  });

  test('[R7] a collection without a model is unknown', async () => {
    const app = await open();
    for (const cmd of ['read', 'count']) {
      for (const r of ['/nope', '/users/1/nope', '/socket', '/_users']) {
        expect((await app.send(amal, { cmd, r })).error).toMatchObject({
          message: 'model.unknown',
        });
      }
    }
  });
});

describe('pages', () => {
  test('[REA5] go on after the last item, back before the first, and end without items', async () => {
    const app = await open();
    await fill(app, users);
    const first = bodyOf(await read(app, { limit: 3 }));
    const next = await read(app, { limit: 3, paginationToken: first.tokens?.nextToken ?? '' });
    expect(ids(next)).toEqual(['a']);
    const { tokens } = bodyOf(next);
    const end = await read(app, { paginationToken: tokens?.nextToken ?? '' });
    expect(end.body).toEqual({ items: [] });
    const back = await read(app, { limit: 2, paginationToken: tokens?.prevToken ?? '' });
    expect(ids(back)).toEqual(['c', 'b']);
    const before = await read(app, { paginationToken: first.tokens?.prevToken ?? '' });
    expect(before.body).toEqual({ items: [] });
    await fill(app, { '/users/e': { name: 'E' }, '/users/f': { name: 'F' } });
    expect(ids(await read(app, { paginationToken: first.tokens?.prevToken ?? '' }))).toEqual([
      'f',
      'e',
    ]);
  });

  test('[REA5] skip counts from the beginning of the query, not of each page', async () => {
    const app = await open();
    await fill(app, users);
    const first = await read(app, { limit: 1, skip: 1 });
    expect(ids(first)).toEqual(['c']);
    const paginationToken = bodyOf(first).tokens?.nextToken ?? '';
    expect(ids(await read(app, { limit: 1, skip: 1, paginationToken }))).toEqual(['b']);
  });

  test('[REA6] a token of another query is refused, and so is any other text', async () => {
    const app = await open();
    await fill(app, users);
    const token = bodyOf(await read(app, { ...where('age > $a', { a: 1 }), sort: 'age' })).tokens
      ?.nextToken;
    const paginationToken = token ?? '';
    const same = { sort: 'age', limit: 1, fields: ['name'], paginationToken };
    expect((await read(app, { ...same, ...where('age > 1') })).error).toBeUndefined();
    const others: JsonObject[] = [
      { paginationToken },
      { ...same, ...where('age > $a', { a: 2 }) },
      { ...same, ...where('age > 1'), sort: '-age' },
      { ...where('age > 1'), paginationToken },
    ];
    for (const options of others) {
      expect((await read(app, options)).error).toEqual({
        code: 400,
        message: 'request.invalid',
        errors: { 'cmdOpts.paginationToken': ['expected.token.of.this.query'] },
      });
    }
    const texts = [`${paginationToken}x`, paginationToken.slice(1), '['.repeat(50_000)];
    for (const junk of ['', 'x', '%%%', ...texts]) {
      expect((await read(app, { paginationToken: junk })).error).toMatchObject({
        code: 400,
        errors: { 'cmdOpts.paginationToken': ['expected.token.of.a.read'] },
      });
    }
    const posts = await read(app, { paginationToken }, { r: '/users/*/posts' });
    expect(posts.error).toMatchObject({ code: 400 });
  });

  test('[REA7] paging neither repeats nor omits existing objects, while others write', async () => {
    const app = await open();
    const post = fc.record({
      title: fc.constantFrom('x', 'y', 'z'),
      stars: fc.option(fc.nat(3), { nil: null }),
    });
    const scenario = fc.record({
      staying: fc.array(post, { minLength: 1, maxLength: 12 }),
      passing: fc.array(post, { maxLength: 6 }),
      sort: fc.constantFrom(undefined, 'stars', '-stars', 'title', '-title', '_rev'),
      filter: fc.constantFrom(undefined, 'stars > 0', 'stars = null', "title != 'x'"),
      limit: fc.integer({ min: 1, max: 4 }),
    });
    let run = 0;
    const property = fc.asyncProperty(scenario, async ({ staying, passing, ...query }) => {
      run += 1;
      const parent = `/users/run${run}`;
      const r = `${parent}/posts`;
      await fill(app, { [parent]: { name: 'P' } });
      await fill(app, Object.fromEntries(staying.map((body, i) => [`${r}/s${i}`, body])));
      const { sort, filter, limit } = query;
      const cmdOpts = { ...(sort && { sort }), ...(filter && where(filter)) };
      const readPages = async (step: 'nextToken' | 'prevToken', from: JsonObject) => {
        const pages: string[][] = [];
        let start = from;
        for (;;) {
          const page = await read(app, { ...cmdOpts, limit, ...start }, { r });
          const { tokens } = bodyOf(page);
          if (!tokens) return pages;
          pages.push(ids(page));
          start = { paginationToken: tokens[step] };
          const passer = passing[pages.length];
          if (passer) await fill(app, { [`${r}/p-${step}-${pages.length}`]: passer });
        }
      };
      const stayed = (found: readonly string[]) => found.filter((id) => id.startsWith('s'));
      const all = ids(await read(app, cmdOpts, { r }));
      const forth = (await readPages('nextToken', {})).flat();
      expect(stayed(forth)).toEqual(all);
      expect(new Set(forth).size).toBe(forth.length);
      if (all.length === 0) return;
      const now = ids(await read(app, cmdOpts, { r }));
      const last = await read(app, { ...cmdOpts, skip: now.length - 1 }, { r });
      const { prevToken = '' } = bodyOf(last).tokens ?? {};
      const back = (await readPages('prevToken', { paginationToken: prevToken })).reverse().flat();
      expect(stayed(back)).toEqual(stayed(now.slice(0, -1)));
      expect(new Set(back).size).toBe(back.length);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});

describe('read and rights', () => {
  const notes = async (rule: string, extra: Readonly<Record<string, string>> = {}) => {
    const models = {
      notes: `
version: 1
fields:
  owner: { type: String }
  rank:  { type: Long }
  word:  { type: String }
access: { create: true, read: '${rule}', delete: true, update: true }
`,
      ...extra,
    };
    const app = await testApp({ models });
    for (let i = 0; i < 20; i++) {
      const owner = i % 2 === 0 ? 'amal' : 'bela';
      const body = { owner, rank: i % 5, word: `w${i % 3}` };
      const r = `/notes/${String(i).padStart(2, '0')}`;
      await app.send(amal, { cmd: 'create', r, body });
    }
    return app;
  };
  const owned = (auth: Auth) => (auth.uid === 'amal' ? 0 : 1);
  const r = '/notes';

  // The store can apply the first rule as a filter; the second has to be evaluated per object.
  for (const rule of ['obj.owner == auth.uid', 'obj.owner.indexOf(auth.uid) == 0']) {
    test(`[REA10] [ACC5] [DUR4] objects without the right to read are in no page and no count: ${rule}`, async () => {
      const app = await notes(rule);
      for (const auth of [amal, bela]) {
        const mine = Array.from({ length: 10 }, (_, i) =>
          String(2 * (9 - i) + owned(auth)).padStart(2, '0'),
        );
        const on = { r, auth };
        expect(ids(await read(app, {}, on))).toEqual(mine);
        const page = await read(app, { limit: 3, skip: 2, includeTotalCount: true }, on);
        expect(ids(page)).toEqual(mine.slice(2, 5));
        expect(bodyOf(page).totalResults).toBe(10);
        const paginationToken = bodyOf(page).tokens?.nextToken ?? '';
        expect(ids(await read(app, { limit: 9, paginationToken }, on))).toEqual(mine.slice(5));
        const { length } = ids(await read(app, where('rank > 2'), on));
        expect(length).toBe(4);
        const count = await app.send(auth, { cmd: 'count', r, cmdOpts: where('rank > 2') });
        expect(count.body).toEqual({ totalResults: 4 });
        const ranks = bodyOf(await read(app, { sort: '-rank' }, on)).items.map(
          ({ body }) => body.rank,
        );
        expect(ranks).toEqual([4, 4, 3, 3, 2, 2, 1, 1, 0, 0]);
      }
    });
  }

  test('[ACC5] where nobody may read the result is empty, without an error', async () => {
    const app = await notes('false');
    expect(await read(app, { includeTotalCount: true }, { r })).toEqual({
      r: '/notes/*',
      body: { totalResults: 0, items: [] },
    });
    expect((await app.send(amal, { cmd: 'count', r })).body).toEqual({ totalResults: 0 });
  });

  test('[REA10] [DUR4] hidden fields are missing in filters, sorts, counts, items and tokens', async () => {
    const hide =
      'if (obj.owner != auth.uid) hide("rank"); if (obj.word == "w2") cancel(403, "no");';
    const app = await notes('true', { 'notes/pre-get.js': hide });
    const on = { r };
    const all = bodyOf(await read(app, {}, on)).items;
    expect(all).toHaveLength(14);
    for (const { meta, body } of all) {
      const mine = body.owner === 'amal';
      expect(meta.fields).toEqual(mine ? ['owner', 'rank', 'word'] : ['owner', 'word']);
      expect('rank' in body).toBe(mine);
    }
    const matching = bodyOf(await read(app, where('rank >= 0'), on)).items;
    expect(matching.every(({ body }) => body.owner === 'amal')).toBe(true);
    expect(matching).toHaveLength(7);
    const hidden = await app.send(amal, { cmd: 'count', r, cmdOpts: where('rank = null') });
    expect(hidden.body).toEqual({ totalResults: 7 });
    expect((await app.send(amal, { cmd: 'count', r })).body).toEqual({ totalResults: 14 });
    const sorted: (JsonValue | undefined)[] = [];
    const rs: JsonValue[] = [];
    let paginationToken: string | undefined;
    for (let page = 0; page < 10; page++) {
      const options = { sort: '-rank', limit: 3, ...(paginationToken && { paginationToken }) };
      const { items, tokens } = bodyOf(await read(app, options, on));
      if (!tokens) break;
      for (const { body } of items) {
        sorted.push(body.rank);
        rs.push(body._r ?? null);
      }
      paginationToken = tokens.nextToken;
      expect(ids(await read(app, { ...options, paginationToken: tokens.prevToken }, on))).toEqual(
        rs
          .slice(0, -items.length)
          .slice(-3)
          .map((r) => String(r).split('/').at(-1)),
      );
    }
    const ranks = sorted.slice(0, 7) as number[];
    expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
    expect(sorted.slice(7)).toEqual(Array(7).fill(undefined));
    expect(new Set(rs).size).toBe(14);
    const top = bodyOf(await read(app, { sort: 'rank', limit: 2, skip: 1 }, on)).items;
    expect(top.map(({ body }) => body.rank)).toEqual([...ranks].reverse().slice(1, 3));
  });

  test('[HOK8] a pre-get that fails for one object fails the whole read with 500', async () => {
    const hook = 'if (obj.rank == 3) throw new Error("x");';
    const app = await notes('true', { 'notes/pre-get.js': hook });
    expect((await read(app, {}, { r })).error).toEqual({
      code: 500,
      message: 'internal.server.error',
    });
  });

  test('[DUR5] [LIM7] a query whose objects take too long to evaluate ends with 503', async () => {
    const app = await notes('obj.owner.indexOf("a") >= 0');
    const { query } = app.store;
    Object.assign(app.store, {
      query: async (...args: Parameters<typeof query>) => {
        app.platform.advance(3000);
        return await query.apply(app.store, args);
      },
    });
    const answer = await read(app, { limit: 1, sort: 'word', includeTotalCount: true }, { r });
    expect(answer).toEqual({
      r: '/notes/*',
      error: { code: 503, message: 'server.unavailable' },
      meta: { retryAfter: 1 },
    });
  });
});

describe('read with subscribe', () => {
  const models = {
    ...sampleModels,
    quiet: 'version: 1\nfields: { a: { type: Long } }\naccess: { read: true, subscribe: false }',
  };
  const message = (cmdOpts: JsonObject, r = '/users') => ({
    cmd: 'read',
    r,
    cmdOpts: { subscribe: true, ...cmdOpts },
  });
  const settled = async (app: TestApp) => {
    await app.publishedChanges();
    await app.services.live.settled();
  };

  test('[REA11] returns the items and a subscription, which pushes later creations', async () => {
    const app = await testApp({ models });
    await fill(app, users);
    const connection = app.connect(amal);
    const answer = await connection.send(message(where('age > $a', { a: 25 })));
    expect(ids(answer)).toEqual(['d', 'a']);
    const { subscription } = answer.meta as JsonObject;
    expect(subscription).toEqual(expect.any(String));
    await fill(app, { '/users/x': { name: 'X', age: 26 }, '/users/y': { name: 'Y', age: 1 } });
    await settled(app);
    expect(connection.pushes).toMatchObject([
      { evt: 'created', r: '/users/*', meta: { subscription }, body: { _r: '/users/x' } },
    ]);
  });

  test('[REA11] an object created while the items are read is not missed', async () => {
    const app = await testApp({ models });
    const { query } = app.store;
    Object.assign(app.store, {
      query: async (...args: Parameters<typeof query>) => {
        const found = await query.apply(app.store, args);
        await fill(app, { '/users/x': { name: 'X' } });
        return found;
      },
    });
    const connection = app.connect(amal);
    expect(ids(await connection.send(message({})))).toEqual([]);
    await settled(app);
    expect(connection.pushes).toMatchObject([{ evt: 'created', body: { _r: '/users/x' } }]);
  });

  test('[REA11] objects among the items are not pushed as well', async () => {
    const app = await testApp({ models });
    const { query } = app.store;
    Object.assign(app.store, {
      query: async (...args: Parameters<typeof query>) => {
        await fill(app, { '/users/x': { name: 'X' }, '/users/y': { name: 'Y' } });
        return await query.apply(app.store, args);
      },
    });
    const connection = app.connect(amal);
    expect(ids(await connection.send(message({ limit: 1 })))).toEqual(['y']);
    await fill(app, { '/users/z': { name: 'Z' } });
    await settled(app);
    // The window holds the newest objects: the one that the new object displaces is reported too.
    expect(
      connection.pushes.map(({ evt, r, body }) => [evt, (body as JsonObject)?._r ?? r]),
    ).toEqual([
      ['left', '/users/y'],
      ['created', '/users/z'],
    ]);
  });

  test('[REA11] with `since` the items are omitted, and objects created since are pushed', async () => {
    const app = await testApp({ models });
    await fill(app, { '/users/a': { name: 'A' }, '/users/b': { name: 'B' } });
    const connection = app.connect(amal);
    const view = app.services.live.viewOf(['users'], amal) ?? '';
    const since = new Positions(() => app.store.epoch).text({ pos: 1, view });
    const options = { since, includeTotalCount: true, fields: ['name'] };
    const answer = await connection.send(message(options));
    expect(answer).toEqual({
      r: '/users/*',
      meta: { subscription: expect.any(String), view },
      body: { totalResults: 2 },
    });
    await settled(app);
    expect(connection.pushes).toMatchObject([{ body: { _r: '/users/b', _rev: 1, name: 'B' } }]);
  });

  test('[REA11] a position outside the history is gone', async () => {
    const app = await testApp({ models });
    const { error } = await app.connect(amal).send(message({ since: '99' }));
    expect(error).toEqual({ code: 410, message: 'position.gone' });
  });

  test('[REA11] a read that fails leaves no subscription behind', async () => {
    const app = await testApp({ models });
    Object.assign(app.store, { query: async () => Promise.reject(new Error('broken')) });
    expect((await app.connect(amal).send(message({}))).error).toMatchObject({ code: 500 });
    expect(app.services.live.counts().subscriptions).toBe(0);
  });

  test('[SUB10] the right to subscribe is needed', async () => {
    const app = await testApp({ models });
    expect((await app.connect(amal).send(message({}, '/quiet'))).error).toEqual({
      code: 403,
      message: 'forbidden',
    });
    expect(await read(app, {}, { r: '/quiet' })).toMatchObject({ body: { items: [] } });
  });
});

describe('subscribe and unsubscribe', () => {
  test('[SUB1] [SUB3] [UNS1] responses and pushes are those of the live layer', async () => {
    const app = await open();
    await fill(app, users);
    const connection = app.connect(amal);
    const view = app.services.live.viewOf(['users'], amal) ?? '';
    const subscriptions = [{ r: '/users/a', fields: ['age'] }, { r: '/users/none' }];
    const answer = await connection.send({ cmd: 'subscribe', body: { subscriptions } });
    expect(answer).toEqual({
      body: {
        subscriptions: [{ r: '/users/a', fields: ['age'], view }],
        failures: [{ r: '/users/none', error: { code: 404, message: 'object.missing' } }],
      },
    });
    await app.services.live.settled();
    const body1 = { _r: '/users/a', _rev: 1, age: 30 };
    expect(connection.pushes).toEqual([
      { evt: 'snapshot', r: '/users/a', rev: 1, meta: { view }, body: body1 },
    ]);
    const body = { subscriptions: ['/users/a'] };
    expect(await connection.send({ cmd: 'unsubscribe', body })).toEqual({ body });
  });
});
