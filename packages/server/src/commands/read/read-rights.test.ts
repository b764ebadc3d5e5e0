import type { Auth, JsonValue } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { amal, bela } from '../sample-models.fixture.js';
import { testApp } from '../test-app.fixture.js';
import { bodyOf, ids, read, where } from './read.fixture.js';

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
