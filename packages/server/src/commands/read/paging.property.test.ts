import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { Platform } from '../../platform/platform.js';
import { openMemoryStore } from '../../store/memory/store.js';
import { Scratch } from '../../store/sqlite/scratch.fixture.js';
import type { Store } from '../../store/store.js';
import { amal } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const fields = `
fields:
  rank:  { type: Long, index: true }
  title: { type: String }
  other: { type: Long }
  place: { type: Object, fields: { x: { type: Long }, y: { type: Long } } }
  tags:  { type: List, items: Long }
`;

const models = {
  items: `version: 1${fields}access: { create: true, read: true, update: true, delete: true }`,
  /** The store cannot sort, because a field may be hidden. */
  shy: `version: 1${fields}access: { create: true, read: true, update: true, delete: true }`,
  'shy/pre-get.js': `if (obj.other === 1 || obj.rank === 2) hide("rank");
if (obj.other < 0) hide("title", "tags");
if (obj.title === "b") hide("place");`,
  /** Objects have to be authorized one by one. */
  checked: `version: 1${fields}access: { create: true, read: obj.other % 5 != 7, update: true, delete: true }`,
};

const scratch = Scratch.each();
const apps: TestApp[] = [];

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function open(store: (platform: Platform) => Store | Promise<Store>): Promise<TestApp> {
  const app = await testApp({ models, open: store });
  apps.push(app);
  return app;
}

const value = fc.option(fc.integer({ min: -2, max: 2 }), { nil: null });
const op = fc.oneof(
  fc.record({ op: fc.constant('set'), key: fc.constantFrom('rank', 'other'), value }),
  fc.record({
    op: fc.constant('set'),
    key: fc.constant('title'),
    value: fc.constantFrom('a', 'b', 'c', null),
  }),
  fc.record({
    op: fc.constant('addNumber'),
    key: fc.constantFrom('rank', 'other', 'place.x'),
    value: fc.integer({ min: -3, max: 3 }),
  }),
  fc.record({ op: fc.constant('set'), key: fc.constantFrom('place.x', 'place.y'), value }),
  fc.record({
    op: fc.constant('set'),
    key: fc.constant('place'),
    value: fc.constantFrom(null, { x: 1 }),
  }),
  fc.record({ op: fc.constant('push'), key: fc.constant('tags'), value: fc.nat(3) }),
);
const item = fc.record({
  rank: value,
  title: fc.constantFrom('a', 'b', null),
  place: fc.constantFrom(null, { x: 0 }, { x: 1, y: 2 }, { y: 1 }),
});
const write = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('update' as const), of: fc.nat(20), op }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('create' as const), item }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), of: fc.nat(20) }) },
);
type Written = typeof write extends fc.Arbitrary<infer T> ? T : never;

const scenario = fc.record({
  collection: fc.constantFrom('items', 'shy', 'checked'),
  items: fc.array(item, { minLength: 1, maxLength: 12 }),
  sort: fc.constantFrom(
    'rank',
    '-rank',
    'title',
    '-title',
    '_rev',
    '-_rev',
    'place.x',
    '-place',
    'tags',
  ),
  limit: fc.integer({ min: 1, max: 5 }),
  skip: fc.integer({ min: 0, max: 3 }),
  /** What is written while each page is read, and after it. */
  writes: fc.array(fc.tuple(fc.array(write, { maxLength: 4 }), fc.array(write, { maxLength: 6 })), {
    maxLength: 12,
  }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

test.each([
  ['the memory store', (platform: Platform) => openMemoryStore({}, platform)],
  ['SQLite', (platform: Platform) => scratch.open({ file: scratch.file() }, platform)],
])(
  '[REA7] on %s paging by a field that others change returns every object once, in its original order',
  async (_name, store) => {
    const app = await open(store);
    let run = 0;
    const property = fc.asyncProperty(scenario, async (plan) => {
      run += 1;
      await walkTwice(app, `run${run}x`, plan);
    });
    await fc.assert(property, { numRuns: 60 });
  },
);

async function walkTwice(
  app: TestApp,
  run: string,
  { collection, items, sort, limit, skip, writes }: Scenario,
): Promise<void> {
  const send = async (message: JsonObject) => {
    const answer = await app.send(amal, message);
    expect(answer.error).toBeUndefined();
    return answer;
  };
  const here = { filter: "title != 'none of these' and _r >= $from and _r < $to" };
  const values = { from: `/${collection}/${run}`, to: `/${collection}/${run}~` };
  const query = { ...here, values };
  const ids: string[] = [];
  const create = async (body: JsonObject) => {
    const id = `${run}${String.fromCharCode(97 + ids.length)}`;
    ids.push(id);
    await send({ cmd: 'create', r: `/${collection}/${id}`, body });
  };
  const gone = new Set<string>();
  const apply = async (entry: Written) => {
    if (entry.kind === 'create') {
      if (ids.length < 26) await create(entry.item);
      return;
    }
    const id = ids[entry.of % ids.length] ?? '';
    const r = `/${collection}/${id}`;
    if (entry.kind === 'delete') {
      gone.add(id);
      await app.send(amal, { cmd: 'delete', r });
      return;
    }
    // An operation that does not fit (adding to a text) is refused, which is fine here.
    const { body } = await app.send(amal, { cmd: 'get', r, cmdOpts: { fields: [] } });
    const rev = isJsonObject(body) ? (body._rev ?? 1) : 1;
    await app.send(amal, { cmd: 'update', r, rev, body: { ops: [entry.op] } });
  };
  const read = async (cmdOpts: JsonObject) => {
    const { body } = await send({
      cmd: 'read',
      r: `/${collection}`,
      cmdOpts: { sort, query, ...cmdOpts },
    });
    if (!isJsonObject(body) || !Array.isArray(body.items)) throw new Error('no items');
    const found = body.items.map((entry) => idOf(entry));
    return { found, tokens: isJsonObject(body.tokens) ? body.tokens : undefined };
  };
  for (const body of items) await create(body);
  const ordered = (await read({})).found;
  const readPages = async (step: 'nextToken' | 'prevToken', begin: JsonObject) => {
    const pages: string[][] = [];
    let page = await read({ limit, ...begin });
    let last = page.tokens;
    while (page.tokens) {
      last = page.tokens;
      pages.push(page.found);
      expect(pages.length, 'number of pages').toBeLessThan(60);
      const [during = [], after = []] = writes[pages.length - 1] ?? [];
      for (const entry of after) await apply(entry);
      const paginationToken = page.tokens[step] ?? null;
      const reading = read({ limit, paginationToken });
      await Promise.all(during.map((entry) => apply(entry)));
      page = await reading;
    }
    return { pages, last };
  };
  const stayed = (found: readonly string[]) => found.filter((id) => !gone.has(id));
  const known = new Set(ordered);
  const there = await readPages('nextToken', { skip });
  const forth = there.pages.flat();
  expect(new Set(forth).size).toBe(forth.length);
  expect(stayed(forth.filter((id) => known.has(id)))).toEqual(stayed(ordered.slice(skip)));
  // Back from the last page, over the objects that existed when paging began.
  const { prevToken } = there.last ?? {};
  if (prevToken === undefined) return;
  const back = (await readPages('prevToken', { paginationToken: prevToken })).pages
    .toReversed()
    .flat();
  expect(new Set(back).size).toBe(back.length);
  const lastPage = there.pages.at(-1)?.filter((id) => known.has(id)) ?? [];
  const before = stayed(ordered).filter((id) => !lastPage.includes(id));
  const end = lastPage.length > 0 ? before : stayed(ordered);
  expect(stayed(back).filter((id) => known.has(id))).toEqual(end);
}

function idOf(entry: JsonValue): string {
  const body = isJsonObject(entry) ? entry.body : undefined;
  const r = isJsonObject(body) ? body._r : undefined;
  return typeof r === 'string' ? (r.split('/').at(-1) ?? '') : '';
}
