import type { JsonObject, JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Store } from '../../store/store.js';
import { UniqueClash } from '../../store/store-errors.js';
import {
  contentOf,
  exported,
  imported,
  type Opened,
  openMemory,
  openSqlite,
} from '../../transfer/transfer.fixture.js';
import { type ModelFiles, type TestApp, testApp } from '../test-app.fixture.js';

/** One version of an app's models; nothing needs to be the same as in the version before. */
interface Version {
  readonly a: string | undefined;
  readonly b: string | undefined;
  readonly isUnique: boolean;
  readonly hasEvolution: boolean;
  readonly hasSum: boolean;
  /** The name, in this version, of the collection that half of the objects are in. */
  readonly other: string;
  readonly retention: string;
}

/** Fields, each with values that are valid for it. */
const definitions: Readonly<Record<string, readonly JsonValue[]>> = {
  '{ type: String }': ['x', '2024-01-01T02:00:00+02:00', '/things/9/'],
  '{ type: String, required: true }': ['z', '/things/1'],
  '{ type: String, validation: value == "x" || value == "y" }': ['x', 'y'],
  '{ type: Long }': [1, -3],
  '{ type: Long, required: true, validation: value > 1 }': [2, 3],
  '{ type: Double, index: true }': [1.5, 2],
  '{ type: Date }': ['2024-01-01T02:00:00+02:00'],
  '{ type: Boolean }': [true, false],
  '{ type: Json }': [{ x: null, y: [null] }, [], 'x', 1],
  '{ type: List, items: String }': [['x'], []],
  '{ type: Object, fields: { x: { type: Long, required: true } } }': [{ x: 1 }],
  '{ type: reference, collectionR: /things, fields: [u] }': [],
};
const definition = fc.option(fc.constantFrom(...Object.keys(definitions)), { nil: undefined });
const version: fc.Arbitrary<Version> = fc.record({
  a: definition,
  b: definition,
  isUnique: fc.boolean(),
  hasEvolution: fc.boolean(),
  hasSum: fc.boolean(),
  other: fc.constantFrom('others', 'renamed'),
  retention: fc.constantFrom('', 'retention: { history: 2 }\n'),
});

const step = fc.record({
  kind: fc.constantFrom('create', 'create', 'create', 'set', 'set', 'add', 'delete', 'note', 'get'),
  id: fc.constantFrom('1', '2', '3', '4'),
  inOther: fc.boolean(),
  key: fc.constantFrom('a', 'b', 'u'),
  pick: fc.nat(20),
  /** Values that may be valid or not. */
  value: fc.constantFrom<JsonValue>('x', 'y', '/things/1', '/things/2', 1, 2, null, ['x'], true),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Chapter {
  readonly version: Version;
  readonly steps: readonly Step[];
}

const chapter = fc.record({ version, steps: fc.array(step, { minLength: 3, maxLength: 12 }) });

function filesOf(chapters: readonly Chapter[]): ModelFiles {
  const current = chapters.length;
  const latest = chapters.at(-1)?.version;
  if (latest === undefined) return {};
  const { a, b, isUnique, hasSum, other, retention } = latest;
  const unique = isUnique ? ', unique: true' : '';
  const sum = `  sum: { type: Calculated, valueType: String, dependsOn: 'a, u', value: 'this.a + this.u' }\n`;
  const things = `version: ${current}
fields:
${a === undefined ? '' : `  a: ${a}\n`}${b === undefined ? '' : `  b: ${b}\n`}  u: { type: String${unique} }
  e: { type: Long }
${hasSum && a !== undefined ? sum : ''}${retention}`;
  const evolutions = chapters.flatMap(({ version: { hasEvolution } }, index) => {
    const to = index + 1;
    if (to === 1 || !hasEvolution) return [];
    // Between two of them none may be missing.
    const between = chapters.slice(index, current).every((later) => later.version.hasEvolution);
    const source = `return { ...obj, e: (obj.e || 0) + ${to} };`;
    return between ? [[`things/evolution-${to}.js`, source]] : [];
  });
  const note = `version: 1\nfields: { about: { type: reference, collectionR: /things, fields: [u] } }\n`;
  return {
    things,
    [other]: things,
    'things/notes': note,
    ...Object.fromEntries(evolutions),
  };
}

/** Keeps the store open when its app is closed. */
function keptOpen(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === 'close') return async () => {};
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

const auth = { uid: 'u' };

async function appOn(store: Store, models: ModelFiles): Promise<TestApp | undefined> {
  try {
    return await testApp({ models, open: () => keptOpen(store) });
  } catch (error) {
    // The data forbid these models: a server would not start with them either.
    if (error instanceof UniqueClash) return undefined;
    throw error;
  }
}

function messageOf(given: Step, { a, b, other }: Version): JsonObject {
  const { kind, id, inOther, key, pick, value } = given;
  const r = `/${inOther ? other : 'things'}/${id}`;
  const update = (op: JsonObject) => ({ cmd: 'update', r, rev: 1, body: { ops: [op] } });
  switch (kind) {
    case 'create': {
      const body = { a: fitting(a, pick), b: fitting(b, pick + 1), u: `u${pick}` };
      return { cmd: 'create', r, body };
    }
    case 'note':
      return { cmd: 'create', r: `/things/${id}/notes/1`, body: { about: '/things/1' } };
    case 'set':
      return update({ op: 'set', key, value });
    case 'add':
      return update({ op: 'addNumber', key: 'e', value: 1 });
    default:
      return { cmd: kind, r };
  }
}

function fitting(field: string | undefined, pick: number): JsonValue {
  const values = (field === undefined ? undefined : definitions[field]) ?? [];
  return values[pick % values.length] ?? null;
}

/** Uses the current revision, so that most writes succeed. */
async function send(app: TestApp, message: JsonObject): Promise<JsonObject> {
  if (message.cmd !== 'update') return await app.send(auth, message);
  const stored = await app.store.get(String(message.r)).catch(() => undefined);
  return await app.send(auth, { ...message, rev: stored?.rev ?? 1 });
}

/** Plays the chapters; returns the files of the last models that the data allowed. */
async function write(store: Store, chapters: readonly Chapter[]): Promise<ModelFiles> {
  let last: ModelFiles = {};
  for (const [index, { version, steps }] of chapters.entries()) {
    const files = filesOf(chapters.slice(0, index + 1));
    const app = await appOn(store, files);
    if (!app) break;
    last = files;
    for (const step of steps) await send(app, messageOf(step, version));
    await app.close();
  }
  return last;
}

const rs = ['things', 'others', 'renamed'].flatMap((name) =>
  ['1', '2', '3', '4'].flatMap((id) => [`/${name}/${id}`, `/${name}/${id}/notes/1`]),
);

/** The responses that each user gets to each query. */
async function answersOf(app: TestApp): Promise<unknown[]> {
  const answers: JsonObject[] = [];
  for (const r of rs) answers.push(await app.send(auth, { cmd: 'get', r }));
  for (const r of ['/things', '/others', '/renamed', '/things/*/notes']) {
    answers.push(await app.send(auth, { cmd: 'read', r, cmdOpts: { includeTotalCount: true } }));
    answers.push(
      await app.send(auth, { cmd: 'count', r, cmdOpts: { query: { filter: "u != 'ux'" } } }),
    );
  }
  const withoutIds = (name: string, value: unknown) => (name === 'id' ? undefined : value);
  const text = JSON.stringify(answers, withoutIds).replaceAll(/"(next|prev)Token":"[^"]*"/g, '""');
  return JSON.parse(text.replaceAll('"",""', '"tokens":true')) as unknown[];
}

let unfit = 0;

async function moveAndCompare(from: Opened, to: Opened, chapters: readonly Chapter[]) {
  const files = await write(from.store, chapters);
  const text = await exported(from.reader);
  const before = await appOn(from.store, files);
  const after = await appOn(to.store, files);
  if (!before || !after) throw new Error('the last models are current');
  const result = await imported(to.store, after.services.models(), text);
  unfit += result.unfitCount;
  expect(contentOf(await exported(to.reader))).toEqual(contentOf(text));
  expect(await answersOf(after)).toEqual(await answersOf(before));
  expect(
    await imported(to.store, after.services.models(), await exported(to.reader)),
  ).toMatchObject({ written: 0 });
  await Promise.all([before.close(), after.close()]);
}

describe.each([
  ['memory', openMemory, 60],
  ['SQLite', openSqlite, 10],
] as const)('on %s', (_name, open, numRuns) => {
  test('[MOV15] [MOV14] data stored under changing models can be imported under the last models, and give the same responses', async () => {
    unfit = 0;
    const check = async (chapters: readonly Chapter[]) => {
      const [from, to] = [await open(), await open()];
      try {
        await moveAndCompare(from, to, chapters);
      } finally {
        await Promise.all([from.close(), to.close()]);
      }
    };
    const story = fc.array(chapter, { minLength: 2, maxLength: 3 });
    await fc.assert(fc.asyncProperty(story, check), { numRuns });
    // Otherwise the test shows nothing.
    expect(unfit).toBeGreaterThan(numRuns / 10);
  });
});
