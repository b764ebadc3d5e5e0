import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Auth, JsonObject, JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { silentLog } from '../platform/log.js';
import { openSqliteStore } from '../store/sqlite/store.js';
import { amal, bela, nobody } from './sample-models.fixture.js';
import { type TestApp, testApp } from './test-app.fixture.js';

/** A single collection, under a separate parent for each run. */
const models = {
  runs: 'version: 1\nfields: { name: { type: String } }\naccess: { create: true, read: true }',
  'runs/things': `
version: 2
unique: [[owner, box.word]]
index: [[ratio, count]]
fields:
  owner:  { type: String }
  code:   { type: String, unique: true }
  count:  { type: Long, index: true, validation: value < 50 }
  ratio:  { type: Double }
  on:     { type: Boolean }
  when:   { type: Date }
  words:  { type: List, items: String }
  box:    { type: Object, fields: { word: { type: String }, n: { type: Long } } }
  any:    { type: Json }
  next:   { type: reference, collectionR: /runs/*/things, fields: [owner, sum] }
  sum:    { type: Calculated, valueType: Double, dependsOn: 'count, ratio', value: this.count + this.ratio }
access:
  create: true
  read:   obj.owner != "secret" || auth.uid == "amal"
  update: auth.authType != "anonymous"
  delete: obj.owner == auth.uid || auth.uid == "amal"
`,
  'runs/shy': `
version: 1
fields:
  owner: { type: String }
  level: { type: Long }
access: { hidden: true, create: true, read: 'obj.level < 5 || obj.owner.length == auth.uid.length', update: true, delete: true }
`,
  'runs/shy/pre-get.js': 'if (obj.owner != auth.uid) hide("level");',
};

const folder = mkdtempSync(join(tmpdir(), 'really-equivalence-'));
const memory = await testApp({ models });
const sqlite = await testApp({
  models,
  open: (platform) => openSqliteStore({ file: join(folder, 'really.db') }, platform, silentLog),
});

afterAll(async () => {
  await Promise.all([memory.close(), sqlite.close()]);
  rmSync(folder, { recursive: true });
});

const word = fc.constantFrom(
  'a',
  'b',
  'ab',
  'Z',
  'é',
  '\u0000x',
  '\ud83d\ude00',
  '\ud83d',
  'ß\\u0061\n',
  'x'.repeat(300),
  '\uffee',
  '',
  "o'k",
);
const small = fc.integer({ min: -2, max: 60 });
/** Sums of these overflow, or lose digits. */
const extreme = fc.constantFrom(
  ...[1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 1e21, 0.1, -0],
  ...[2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 63, 1152921504606847000],
);
const number = fc.oneof({ weight: 3, arbitrary: small }, { weight: 1, arbitrary: extreme });
const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
  word,
  small,
  extreme,
  fc.constantFrom(null, true, false, 0.5, -0.25),
);
const anything: fc.Arbitrary<JsonValue> = fc.oneof(
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('n', 'word', 'deep'), scalar, { maxKeys: 2 }),
);
const id = fc.constantFrom('1', '2', '10');
const user: fc.Arbitrary<Auth> = fc.constantFrom(amal, bela, nobody);

/** `@` stands for the parent of the run, in once-ids too. */
const fieldValue: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  owner: fc.constantFrom('amal', 'bela', 'secret'),
  code: fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6').map((code) => `@${code}`),
  count: small,
  ratio: fc.oneof(fc.constantFrom(0.5, 2, -1), extreme),
  on: fc.boolean(),
  when: fc.constantFrom('2024-01-01T00:00:00Z', '2024-06-01T02:00:00+02:00', '2023-12-31'),
  words: fc.array(word, { maxLength: 3 }),
  box: fc.record({ word, n: number }, { requiredKeys: [] }),
  any: anything,
  next: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: id.map((item) => `@/things/${item}`) },
  ),
  level: fc.oneof(fc.integer({ min: 0, max: 9 }), extreme),
  nope: scalar,
};
const fieldName = fc.constantFrom(...Object.keys(fieldValue));

const member = fieldName.chain((name) =>
  fc
    .oneof({ weight: 9, arbitrary: fieldValue[name] ?? scalar }, { weight: 1, arbitrary: scalar })
    .map((value): [string, JsonValue] => [name, value]),
);
const body = fc
  .array(member, { maxLength: 5 })
  .map(
    (members): JsonObject =>
      Object.fromEntries(members.filter(([name]) => name !== 'nope' || members.length > 4)),
  );

const path = fc.constantFrom(
  ...Object.keys(fieldValue),
  ...['box.word', 'box.n', 'any.n', 'any.deep.x', 'words[0]', 'sum'],
);
const op: fc.Arbitrary<JsonObject> = fc.oneof(
  member.map(([key, value]) => ({ op: 'set', key, value })),
  fc.record({ op: fc.constant('set'), key: path, value: scalar }),
  fc.record({
    op: fc.constant('addNumber'),
    key: fc.constantFrom('count', 'ratio', 'ratio', 'box.n', 'level', 'any.n', 'on'),
    value: number,
  }),
  fc.record({
    op: fc.constantFrom('push', 'addToSet', 'pull'),
    key: fc.constantFrom('words', 'any', 'count'),
    value: fc.oneof(word, fc.array(word, { maxLength: 2 })),
  }),
  fc.record({
    op: fc.constantFrom('insertAt', 'removeAt'),
    key: fc.constant('words'),
    value: word,
    opArgs: fc.record({ index: fc.integer({ min: -1, max: 3 }) }),
  }),
);

const collection = fc.constantFrom('things', 'things', 'things', 'shy');
const object = fc.tuple(collection, id).map(([name, item]) => `@/${name}/${item}`);
const once = fc.option(fc.constantFrom('o1', 'o2', 'o3'), { nil: undefined, freq: 12 });
const writeOpts = once.map((key): JsonObject => (key === undefined ? {} : { once: `@${key}` }));

const comparison = fc.oneof(
  fc
    .tuple(path, fc.constantFrom('=', '!=', '<', '<=', '>', '>=', 'contains'))
    .map(([field, operator]) => `${field.replace('[0]', '')} ${operator} $v`),
  fc.constantFrom(
    'count in $list',
    'owner in $list',
    'count between $pair',
    "owner starts with 'a'",
    '_rev > 1',
    'when = null',
  ),
);
const filter = fc.oneof(
  comparison,
  fc.tuple(comparison, fc.constantFrom('and', 'or'), comparison).map((parts) => parts.join(' ')),
  comparison.map((item) => `not (${item})`),
);
const query = fc.record({
  filter,
  values: fc.record({
    v: scalar,
    list: fc.array(scalar, { maxLength: 3 }),
    pair: fc.tuple(small, small).map((pair): JsonValue => pair),
  }),
});
const readOpts = fc
  .record(
    {
      query,
      sort: fc.constantFrom(
        'count',
        '-count',
        'owner',
        '-any',
        'any.n',
        'box.word',
        'level',
        '-level',
        '_rev',
        'any,-count',
        '-words,ratio,_r',
        'next,-sum',
      ),
      limit: fc.integer({ min: 1, max: 4 }),
      skip: fc.nat(3),
      includeTotalCount: fc.constant(true),
    },
    { requiredKeys: [] },
  )
  .map((options) => options as JsonObject);

/** The commands that may stand in a batch too, without their options. */
const written = {
  create: fc.record({
    cmd: fc.constant('create'),
    r: fc.oneof(
      object,
      collection.map((name) => `@/${name}`),
    ),
    body,
  }),
  update: fc.record({
    cmd: fc.constant('update'),
    r: object,
    rev: fc.integer({ min: 0, max: 4 }),
    body: fc.record({ ops: fc.array(op, { minLength: 1, maxLength: 3 }) }),
  }),
  delete: fc.record({ cmd: fc.constant('delete'), r: object }),
};
const withOpts = (command: fc.Arbitrary<JsonObject>) =>
  fc.tuple(command, writeOpts).map(([item, cmdOpts]): JsonObject => ({ ...item, cmdOpts }));

/** Valid enough that whole batches succeed at times. */
const batched: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 2, arbitrary: fc.oneof(written.create, written.update, written.delete) },
  {
    weight: 6,
    arbitrary: object.map((r) => ({
      cmd: 'update',
      r,
      rev: 1,
      body: { ops: [{ op: 'addNumber', key: 'count', value: 1 }] },
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(collection, fieldValue.code ?? scalar).map(([name, code]) => ({
      cmd: 'create',
      r: `@/${name}`,
      body: name === 'shy' ? {} : { code },
    })),
  },
);

const command: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 4, arbitrary: withOpts(written.create) },
  { weight: 5, arbitrary: withOpts(written.update) },
  { weight: 1, arbitrary: withOpts(written.delete) },
  {
    weight: 4,
    arbitrary: withOpts(
      fc.array(batched, { minLength: 1, maxLength: 4 }).map((commands) => ({
        cmd: 'batch',
        body: { commands },
      })),
    ),
  },
  { weight: 1, arbitrary: fc.record({ cmd: fc.constant('get'), r: object }) },
  {
    weight: 4,
    arbitrary: fc.record({
      cmd: fc.constant('read'),
      r: collection.map((name) => `@/${name}`),
      cmdOpts: readOpts,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      cmd: fc.constant('count'),
      r: collection.map((name) => `@/${name}`),
      cmdOpts: fc.record({ query }),
    }),
  },
);

/**
 * What one user sends without waiting: several writes of one object go through its queue together.
 * Reads are continued page by page.
 */
const step = fc.record({
  auth: user,
  message: command,
  times: fc.constantFrom(1, 1, 1, 3),
  pause: fc.constantFrom(0, 0, 1000),
  paging: fc.constantFrom<Paging>([], ['next'], ['next', 'prev'], ['next', 'next', 'prev', 'prev']),
});

type Paging = readonly ('next' | 'prev')[];

async function begin(app: TestApp, parent: string): Promise<void> {
  await app.send(amal, { cmd: 'create', r: parent, body: {} });
  const body = { owner: 'amal', count: 3, ratio: 0.5, words: ['a', 'b'] };
  await app.send(amal, { cmd: 'create', r: `${parent}/things/1`, body });
  await app.send(bela, { cmd: 'create', r: `${parent}/things/2`, body });
}

async function run(app: TestApp, parent: string, steps: readonly Step[]): Promise<JsonObject[]> {
  const answers: JsonObject[] = [];
  for (const { auth, message, times, pause, paging } of steps) {
    app.platform.advance(pause);
    const ready = JSON.parse(JSON.stringify(message).replaceAll('@', parent)) as JsonObject;
    const some = await Promise.all(Array.from({ length: times }, () => app.send(auth, ready)));
    answers.push(...some);
    let page = some[0];
    for (const direction of paging) {
      const tokens = (page?.body as JsonObject | undefined)?.tokens as JsonObject | undefined;
      const paginationToken = tokens?.[`${direction}Token`];
      if (paginationToken === undefined) break;
      const cmdOpts = { ...(ready.cmdOpts as JsonObject), paginationToken };
      page = await app.send(auth, { ...ready, cmdOpts });
      answers.push(page);
    }
  }
  return answers;
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function stored({ store }: TestApp, rs: readonly string[]) {
  const histories = await Promise.all(rs.map((r) => store.history(r, 0, 1000)));
  return { objects: await store.getMany(rs), histories, position: await store.position() };
}

/**
 * A page token without the parts that depend on the store: the digest of the query and the seal.
 */
function withoutStore(answers: readonly JsonObject[] | undefined): unknown {
  const text = JSON.stringify(answers, (name, value: unknown) => {
    if (typeof value !== 'string' || !/^(next|prev)Token$/.test(name)) return value;
    const parts = value.split('.');
    return [parts[0], ...parts.slice(2, -1)];
  });
  return JSON.parse(text);
}

let runs = 0;

test('[DUR2] [BAT3] any sequence of commands gets the same responses on each store and leaves the same data', async () => {
  const outcomes = new Map<string, number>();
  let batches = 0;
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 60 }),
    async (steps) => {
      runs += 1;
      const parent = `/runs/r${runs}`;
      const apps = [memory, sqlite];
      for (const app of apps) await begin(app, parent);
      const [expected, actual] = await Promise.all(apps.map((app) => run(app, parent, steps)));
      expect(withoutStore(actual)).toEqual(withoutStore(expected));
      const changes = await Promise.all(apps.map((app) => app.publishedChanges()));
      expect(changes[1]?.splice(0)).toEqual(JSON.parse(JSON.stringify(changes[0]?.splice(0))));
      const rs = ['1', '2', '10'].flatMap((item) => [
        `${parent}/things/${item}`,
        `${parent}/shy/${item}`,
      ]);
      const [inMemory, inSqlite] = await Promise.all(apps.map((app) => stored(app, rs)));
      expect(inSqlite).toEqual(inMemory);
      for (const { error, body: said } of expected ?? []) {
        if ((said as JsonObject | undefined)?.results) batches += 1;
        const outcome = String((error as JsonObject | undefined)?.message ?? 'ok');
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    },
  );
  await fc.assert(property, { numRuns: 60 });
  // The sequences cover the outcomes that they are meant to compare.
  for (const outcome of [
    ...['ok', 'forbidden', 'validation.failed', 'object.missing', 'object.gone', 'query.invalid'],
    ...[
      'object.already.exist',
      'object.revision.outdated',
      'object.revision.unknown',
      'once.reused',
    ],
  ]) {
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(0);
  }
  expect(batches).toBeGreaterThan(10);
});
