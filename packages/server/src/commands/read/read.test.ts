import type { JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amal } from '../sample-models.fixture.js';
import { bodyOf, fill, ids, open, read, users, where } from './read.fixture.js';

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
    for (const sort of ['nope', '-nope', 'name.x', 'picture.nope', 'constructor']) {
      expect((await read(app, { sort })).error).toEqual({
        code: 409,
        message: 'query.invalid',
        errors: { 'cmdOpts.sort': [`the model has no field ${sort.replace('-', '')}`] },
      });
    }
  });

  test('[REA13] a sort without the name of a field', async () => {
    const app = await open();
    for (const sort of ['-', ',', 'name,', '-,name']) {
      expect((await read(app, { sort })).error).toEqual({
        code: 400,
        message: 'request.invalid',
        errors: { 'cmdOpts.sort': ['expected.names.of.fields'] },
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
