import { type Auth, isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { alice, bob } from '../../model/models.fixture.js';
import type { Platform } from '../../platform/platform.js';
import { PageTokenizer, pageKeyOf } from '../../queries/page-tokenizer.js';
import { openMemoryStore } from '../../store/memory/store.js';
import { Scratch } from '../../store/sqlite/scratch.fixture.js';
import type { Store } from '../../store/store.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const everything = 'access: { create: true, read: true, update: true, delete: true }';
const models = {
  notes: `version: 1
fields:
  text: { type: String }
  any: { type: Json }
  n: { type: Long }
  private: { type: Boolean }
  owner: { type: String }
${everything}`,
  shy: `version: 1
fields:
  n: { type: Long }
  private: { type: Boolean }
  owner: { type: String }
${everything}`,
  'shy/pre-get.js': `if (obj.private || obj.n > 90) hide("n");
if (obj.owner && obj.owner !== auth.uid) hide("n");`,
  people: `version: 1\nfields: { n: { type: Long } }\n${everything}`,
  'people/posts': `version: 1\nfields: { text: { type: String } }\n${everything}`,
};

const scratch = Scratch.each();
const apps: TestApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** Maximum length of any token. */
const longest = 512;

describe.each([
  ['the memory store', (platform: Platform): Store => openMemoryStore({}, platform)],
  ['SQLite', (platform: Platform) => scratch.open({ file: scratch.file() }, platform)],
])('on %s', (_name, open) => {
  async function start(): Promise<TestApp> {
    const app = await testApp({ models, open, limits: { message: 64 * 1024 * 1024 } });
    apps.push(app);
    return app;
  }

  async function write(app: TestApp, r: string, body: JsonObject): Promise<void> {
    const answer = await app.send(alice, { cmd: 'create', r, body });
    expect(answer.error, r).toBeUndefined();
  }

  async function change(app: TestApp, r: string, fields: JsonObject): Promise<void> {
    const { body } = await app.send(alice, { cmd: 'get', r });
    const rev = isJsonObject(body) ? (body._rev ?? 1) : 1;
    const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
    const answer = await app.send(alice, { cmd: 'update', r, rev, body: { ops } });
    expect(answer.error, r).toBeUndefined();
  }

  async function page(app: TestApp, r: string, cmdOpts: JsonObject) {
    const answer = await app.send(alice, { cmd: 'read', r, cmdOpts });
    const body = answer.body as { items?: { body: JsonObject }[]; tokens?: Record<string, string> };
    const tokens = body?.tokens;
    for (const token of Object.values(tokens ?? {})) expect(token.length).toBeLessThan(longest);
    return { error: answer.error, found: body?.items?.map((item) => item.body._r), tokens };
  }

  /** Reads page by page to the end; `meanwhile` runs between two pages. */
  async function readPages(
    app: TestApp,
    r: string,
    cmdOpts: JsonObject,
    meanwhile: (pages: number) => Promise<void> = async () => {},
    step = 'nextToken',
  ): Promise<{ found: (JsonValue | undefined)[]; last: Record<string, string> | undefined }> {
    const found: (JsonValue | undefined)[] = [];
    let { tokens, ...first } = await page(app, r, { limit: 2, ...cmdOpts });
    let last = tokens;
    found.push(...(first.found ?? []));
    for (let pages = 1; tokens; pages++) {
      expect(pages).toBeLessThan(50);
      last = tokens;
      await meanwhile(pages);
      const next = await page(app, r, {
        limit: 2,
        ...cmdOpts,
        paginationToken: tokens[step] ?? null,
      });
      expect(next.error).toBeUndefined();
      const more = next.found ?? [];
      found.push(...(step === 'nextToken' ? more : more.toReversed()));
      tokens = next.tokens;
    }
    return { found, last };
  }

  test('[REA12] tokens are short and accepted, whatever field the query sorts by', async () => {
    const app = await start();
    const long = 'x'.repeat(12_500);
    const values: JsonObject[] = [
      { text: `${long}b`, any: { list: Array(3000).fill('item') } },
      { text: `${long}a`, any: { list: Array(3000).fill('item'), more: 1 } },
      { text: long, any: long },
      { text: `${'😀'.repeat(90)}1`, any: [long, 2] },
      { text: `${'😀'.repeat(90)}0`, any: [long, 1] },
      { text: '\u0000'.repeat(200), any: { [long]: 1 } },
      { text: 'y'.repeat(300_000), any: 'short' },
      { any: null },
      {},
    ];
    for (const [id, body] of values.entries()) await write(app, `/notes/${id}`, body);
    for (const sort of ['text', '-text', 'any', '-any']) {
      const { found: ordered } = await page(app, '/notes', { sort });
      const { found, last } = await readPages(app, '/notes', { sort });
      expect(found, sort).toEqual(ordered);
      const paginationToken = last?.prevToken ?? null;
      const back = await readPages(
        app,
        '/notes',
        { sort, paginationToken },
        undefined,
        'prevToken',
      );
      // Paging back began with a page in the order of the query.
      expect(new Set(back.found), sort).toEqual(new Set(ordered?.slice(0, -1)));
    }
  });

  test('[REA12] tokens are short and accepted, whatever the filter and the ids', async () => {
    const app = await start();
    const parents = ['a', 'b'].map((letter) => letter.repeat(64));
    for (const parent of parents) {
      await write(app, `/people/${parent}`, {});
      for (const letter of ['c', 'd', 'e']) {
        const text = `${letter}${'t'.repeat(5000)}`;
        await write(app, `/people/${parent}/posts/${letter.repeat(64)}`, { text });
      }
    }
    const wanted = Array.from({ length: 5000 }, (_, index) => `none ${index}`);
    const query = { filter: 'not (text in $wanted)', values: { wanted } };
    for (const r of ['/people/*/posts', `/people/${parents[0]}/posts`]) {
      for (const order of [{}, { ascending: true }, { sort: '-text' }]) {
        const { found: ordered } = await page(app, r, { query, ...order });
        const { found } = await readPages(app, r, { query, ...order });
        expect(found).toEqual(ordered);
        expect(found.length).toBe(r.includes('*') ? 6 : 3);
      }
    }
  });

  test('[REA7] [REA12] paging by long texts goes on whatever happens to the object at which it stopped', async () => {
    const app = await start();
    const texts = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => letter.repeat(1000));
    for (const [id, text] of texts.entries()) await write(app, `/notes/${id}`, { text });
    const ids = (found: readonly unknown[]) => found.map((r) => String(r).split('/').at(-1));
    for (const sort of ['text', '-text']) {
      const forth = await readPages(app, '/notes', { sort, limit: 1 }, async (pages) => {
        const at = sort === 'text' ? pages - 1 : 6 - pages;
        await change(app, `/notes/${at}`, { text: pages % 2 ? 'zzz' : null });
      });
      const all = ['0', '1', '2', '3', '4', '5'];
      expect(ids(forth.found)).toEqual(sort === 'text' ? all : all.toReversed());
      for (const [id, text] of texts.entries()) await change(app, `/notes/${id}`, { text });
    }
    const deleting = await readPages(app, '/notes', { sort: '-text', limit: 2 }, async (pages) => {
      for (const id of [6 - 2 * pages, 7 - 2 * pages]) {
        await app.send(alice, { cmd: 'delete', r: `/notes/${id}` });
      }
    });
    expect(ids(deleting.found)).toEqual(['5', '4', '3', '2', '1', '0']);
  });

  test('[REA7] [REA12] where the position is no longer known the response is 410', async () => {
    const app = await start();
    const long = 'x'.repeat(1000);
    for (const id of [1, 2, 3, 4, 5, 6]) {
      await write(app, `/notes/${id}`, { text: `${long}${id}`, any: [long, id] });
    }
    for (const sort of ['text', '-text', 'any', '-any']) {
      const { found, tokens } = await page(app, '/notes', { sort, limit: 1 });
      await app.send(alice, { cmd: 'delete', r: String(found?.[0]) });
      const paginationToken = tokens?.nextToken ?? null;
      const { error } = await page(app, '/notes', { sort, limit: 1, paginationToken });
      expect(error, sort).toMatchObject({ code: 410, message: 'position.gone' });
    }
  });

  test('[REA7] [REA10] paging keeps the order that its reader saw when it began', async () => {
    const app = await start();
    const hidings: [JsonObject, JsonObject][] = [
      [{ private: true }, { private: false }],
      [{ owner: 'bob' }, { owner: 'alice' }],
      [{ n: 95 }, {}],
    ];
    for (const [index, [hide, show]] of hidings.entries()) {
      const r = (id: number) => `/shy/${index}${id}`;
      const query = {
        filter: '_r >= $from and _r < $to',
        values: { from: r(0), to: `/shy/${index}~` },
      };
      for (const id of [1, 2, 3, 4, 5, 6]) await write(app, r(id), { n: id, owner: 'alice' });
      await change(app, r(6), hide);
      const restored = { n: 6, private: false, owner: 'alice', ...show };
      for (const sort of ['n', '-n']) {
        const cmdOpts = { sort, query };
        const { found: ordered } = await page(app, '/shy', cmdOpts);
        expect(ordered).toHaveLength(6);
        const { found } = await readPages(app, '/shy', cmdOpts, async (pages) => {
          if (pages === 1) {
            // One object already seen, one still to come, and one that was hidden.
            await change(app, String(ordered?.[0]), hide);
            await change(app, String(ordered?.[3]), hide);
            await change(app, r(6), restored);
          } else if (pages === 2) await change(app, String(ordered?.[4]), hide);
        });
        expect(found).toEqual(ordered);
        for (const id of [1, 2, 3, 4, 5]) {
          await change(app, r(id), { n: id, private: false, owner: 'alice' });
        }
        await change(app, r(6), hide);
      }
    }
  });
});

test('[REA7] a token is refused where another reader, or another hook, sees another order', async () => {
  const app = await testApp({ models });
  apps.push(app);
  for (const id of [1, 2, 3]) {
    await app.send(alice, { cmd: 'create', r: `/shy/${id}`, body: { n: id, owner: 'bob' } });
  }
  const tokenOf = async (cmdOpts: JsonObject) => {
    const { body } = await app.send(alice, { cmd: 'read', r: '/shy', cmdOpts });
    const { tokens } = body as { tokens: { nextToken: string } };
    return { ...cmdOpts, paginationToken: tokens.nextToken };
  };
  const bySort = await tokenOf({ sort: 'n', limit: 1 });
  const byId = await tokenOf({ limit: 1 });
  const read = (auth: Auth, cmdOpts: JsonObject) =>
    app.send(auth, { cmd: 'read', r: '/shy', cmdOpts });
  const gone = { error: { code: 410, message: 'position.gone' } };
  expect(await read(bob, bySort)).toMatchObject(gone);
  expect((await read({ ...alice, data: { seen: 1 } }, byId)).error).toBeUndefined();
  expect((await read(alice, bySort)).error).toBeUndefined();
  const makeCurrent = await app.reload({ 'shy/pre-get.js': 'if (obj.n === 2) hide("n");' });
  await makeCurrent();
  expect(await read(alice, bySort)).toMatchObject(gone);
  expect((await read(alice, byId)).error).toBeUndefined();
});

test('[REA7] [EPO3] paging by a field does not go on in another store, paging by id does', async () => {
  const app = await testApp({ models });
  apps.push(app);
  for (const id of [1, 2, 3]) {
    await app.send(alice, { cmd: 'create', r: `/notes/${id}`, body: { n: id } });
  }
  const read = (cmdOpts: JsonObject) => app.send(alice, { cmd: 'read', r: '/notes', cmdOpts });
  const goOn = async (cmdOpts: JsonObject) => {
    const { body } = await read(cmdOpts);
    const { nextToken } = (body as { tokens: { nextToken: string } }).tokens;
    return () => read({ ...cmdOpts, paginationToken: nextToken });
  };
  const byField = await goOn({ sort: 'n', limit: 1 });
  const byRev = await goOn({ sort: '_rev', limit: 1 });
  const byId = await goOn({ limit: 1 });
  const stored = await app.store.get('/notes/3');
  if (!stored) throw new Error('the object is there');
  const replacing = { object: { ...stored, rev: 9 }, history: [], replaces: true };
  expect(await app.store.restore([replacing], 0)).toEqual({ kind: 'restored' });
  const gone = { error: { code: 410, message: 'position.gone' } };
  expect(await byField()).toMatchObject(gone);
  expect(await byRev()).toMatchObject(gone);
  expect((await byId()).error).toBeUndefined();
});

test('[REA6] a token is valid wherever the app has its secret, and no other text is', () => {
  const order = { keys: [{ field: 'text', descending: false }] };
  const question = { r: '/notes/*', filter: undefined, order, viewKey: '' };
  const place = { r: '/notes/1', values: ['a'] };
  const ours = () => new PageTokenizer(pageKeyOf('the secret of the app'));
  const { nextToken, prevToken } = ours().tokensOf(question, {
    first: place,
    last: place,
    since: 7,
  });
  const values = [{ kind: 'whole', value: 'a' }];
  expect(ours().read(question, nextToken)).toMatchObject({
    r: '/notes/1',
    values,
    back: false,
    since: 7,
  });
  expect(ours().read(question, prevToken)).toMatchObject({
    r: '/notes/1',
    values,
    back: true,
    since: 7,
  });
  const theirs = new PageTokenizer(pageKeyOf('the secret of another app'));
  expect(() => theirs.read(question, nextToken)).toThrow();
  for (let at = 0; at < nextToken.length; at++) {
    const other = nextToken[at] === 'n' ? 'p' : 'n';
    const forged = `${nextToken.slice(0, at)}${other}${nextToken.slice(at + 1)}`;
    expect(() => ours().read(question, forged), forged).toThrow();
  }
  for (const junk of ['', '.', 'junk', nextToken.slice(0, -1), `${nextToken}x`, '\ud800', '...']) {
    expect(() => ours().read(question, junk), junk).toThrow();
  }
});
