import type { JsonObject, JsonValue } from '@really/protocol';
import { expect, test } from 'vitest';
import { PrivilegedContexts } from '../commands/privileged-contexts.js';
import { type TestApp, type TestAppOptions, testApp } from '../commands/test-app.fixture.js';
import { QueryTimeout, StoreUnavailable } from '../store/store-errors.js';
import { HookReads } from './hook-reads.js';

const amal = { uid: 'amal' };
const models = {
  people: `version: 2
fields:
  name: { type: String }
  age: { type: Long }
  shout: { type: Calculated, valueType: String, dependsOn: [name], value: 'this.name + "!"' }
  secret: { type: String, access: { read: false } }
access: { create: true, read: false, hidden: true }
`,
  'people/pre-get.js': 'hide("age"); cancel(451, "no");',
};

async function openApp(options: Partial<TestAppOptions> = {}) {
  const app = await testApp({ models, ...options });
  const people = [
    { name: 'Ann', age: 30, secret: 'a' },
    { name: 'Bob', age: 40, secret: 'b' },
    { name: 'Cid', age: 50 },
  ];
  for (const [n, body] of people.entries()) {
    await app.send(amal, { cmd: 'create', r: `/people/${n}`, body });
  }
  return { app, reads: readsOf(app) };
}

function readsOf({ services }: Pick<TestApp, 'services'>): HookReads {
  return new HookReads(new PrivilegedContexts(services).ofHook(0));
}

async function replyTo(
  reads: HookReads,
  call: readonly JsonValue[],
  bytes = 100_000,
): Promise<JsonObject> {
  return JSON.parse(await reads.reply(call, bytes)) as JsonObject;
}

const ann = { _r: '/people/0', _rev: 1, name: 'Ann', age: 30, shout: 'Ann!', secret: 'a' };

test('[HRD1] post hooks see whole objects, whatever rules and pre-get say, with what was calculated', async () => {
  const { app, reads } = await openApp();
  expect(await replyTo(reads, ['get', '/people/0'])).toEqual({ value: ann });
  await app.send({ ...amal, admin: true }, { cmd: 'delete', r: '/people/2' });
  expect(await replyTo(reads, ['get', ['/people/0', '/people/2', '/people/9']])).toEqual({
    value: [ann, null, null],
  });
  const named = { filter: 'secret = $s', values: { s: 'a' } };
  expect(await replyTo(reads, ['read', '/people', named])).toEqual({ value: [ann] });
  expect(await replyTo(reads, ['count', '/people', named])).toEqual({ value: 1 });
  expect(await replyTo(reads, ['count', '/people'])).toEqual({ value: 2 });
  const sorted = await replyTo(reads, ['read', '/people/*', { sort: '-age', limit: 1 }]);
  expect(sorted.value).toMatchObject([{ _r: '/people/1' }]);
});

test('[HRD1] post hooks see objects in the version of their model', async () => {
  const { app, reads } = await openApp();
  const reload = await app.reload({
    people: 'version: 3\nfields: { name: { type: String }, first: { type: String } }',
    'people/evolution-3.js': 'return { name: obj.name, first: obj.name[0] };',
  });
  await reload();
  const expected = { _r: '/people/0', _rev: 1, name: 'Ann', first: 'A' };
  expect(await replyTo(reads, ['get', '/people/0'])).toEqual({ value: expected });
  const found = await replyTo(reads, [
    'read',
    '/people',
    { filter: 'first = $a', values: { a: 'A' } },
  ]);
  expect(found).toEqual({ value: [expected] });
});

test.each([
  [['get', '/nope/1'], 'get /nope/1: 404 model.unknown'],
  [['get', ['/people/1', '/nope/2']], 'get /nope/2: 404 model.unknown'],
  [['get', '/people'], 'get /people: 400 r.object.required'],
  [['get', 'people'], 'get people: 400 r.invalid'],
  [
    ['get', Array(1001).fill('/people/1')],
    /^get a list: 400 request.invalid {"r":\["expected.list.up.to.1000"\]}$/,
  ],
  [['read', '/people/1'], 'read /people/1: 400 r.collection.required'],
  [['read', '/people', { limit: 0 }], /request.invalid {"limit":\["expected.from.1.to.1000"\]}/],
  [
    ['read', '/people', { sort: 'nope' }],
    /409 query.invalid {"sort":\["the model has no field nope"\]}/,
  ],
  [['read', '/people', { values: {} }], /400 request.invalid {"filter":/],
  [
    ['read', '/people', { filter: 'nope = 1' }],
    /409 query.invalid {"filter":\["the model has no field nope/,
  ],
  [['read', '/people', { subscribe: true }], /400 request.invalid {"subscribe":\["member.unknown"/],
  [['count', '/people', { limit: 1 }], /400 request.invalid {"limit":\["member.unknown"/],
])('[HRD1] says what is wrong with %j', async (call, message) => {
  const { reads } = await openApp();
  const { error } = await replyTo(reads, call as JsonValue[]);
  expect((error as JsonObject).message).toEqual(
    typeof message === 'string' ? message : expect.stringMatching(message),
  );
});

test.each([[['get', '/people/0']], [['get', ['/people/0', '/people/1']]], [['read', '/people']]])(
  '[HRD1] an answer that is larger than what is left is an error, and never cut: %j',
  async (call) => {
    const { reads } = await openApp();
    const whole = Buffer.byteLength(await reads.reply(call, 100_000));
    expect(await replyTo(reads, call, whole)).toHaveProperty('value');
    const error = {
      code: 413,
      message: expect.stringMatching(
        /: 413 answer.too.large {"r":\["beyond limits.hookAnswers"\]}$/,
      ),
      errors: { r: ['beyond limits.hookAnswers'] },
    };
    for (const left of [whole - 1, 40, 1, 0]) {
      expect(await replyTo(reads, call, left)).toEqual({ error });
    }
  },
);

/** Reads of a list of ten objects of which each counts as 10 ms, and how many were loaded. */
async function largeReads() {
  const { app } = await openApp();
  const rs = Array.from({ length: 10 }, (_, n) => `/people/large${n}`);
  for (const r of rs) {
    await app.send(amal, { cmd: 'create', r, body: { name: 'a'.repeat(1000) } });
  }
  const loads: number[] = [];
  let now = 0;
  const objects: typeof app.services.objects = Object.create(app.services.objects);
  objects.heads = (some) => {
    loads.push(some.length);
    return app.services.objects.heads(some);
  };
  objects.head = async (r) => (await objects.heads([r]))[0];
  const platform = {
    ...app.platform,
    clock: { ...app.platform.clock, monotonic: () => now++ * 5 },
  };
  return { reads: readsOf({ services: { ...app.services, objects, platform } }), rs, loads };
}

test('[HRD1] of a list that is too large for an answer, no more is loaded than fits', async () => {
  const { reads, rs, loads } = await largeReads();
  expect(await replyTo(reads, ['get', rs], 5000)).toMatchObject({ error: { code: 413 } });
  expect(loads).toEqual([1, 1, 1]);
});

test.each(['a get of a list', 'gets of one each', 'a read'])(
  '[HRD1] while the objects of an answer are serialized, other work has its turn: %s',
  async (kind) => {
    const { reads, rs } = await largeReads();
    let ticks = 0;
    let isOver = false;
    const count = () => {
      ticks++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    if (kind === 'a read') await replyTo(reads, ['read', '/people']);
    else if (kind === 'a get of a list') await replyTo(reads, ['get', rs]);
    else await Promise.all(rs.map((r) => replyTo(reads, ['get', r])));
    isOver = true;
    expect(ticks).toBeGreaterThanOrEqual(rs.length);
  },
);

test('[HRD1] a query that takes too long is an error that says so, and a store that is away is none of the hook', async () => {
  const { app } = await openApp();
  const failing = (error: Error) => {
    const store = Object.create(app.store);
    store.query = () => Promise.reject(error);
    return readsOf({ services: { ...app.services, store } });
  };
  expect(await replyTo(failing(new QueryTimeout('slow')), ['read', '/people'])).toEqual({
    error: {
      code: 503,
      message: 'read /people: 503 server.unavailable, beyond limits.queryTime',
    },
  });
  const away = new StoreUnavailable('away');
  await expect(failing(away).reply(['read', '/people'], 1000)).rejects.toBe(away);
});

test('[HRD1] reads of all post hooks take turns, as those of one user do', async () => {
  const { app } = await openApp({ limits: { queriesAtOnce: 2 } });
  let running = 0;
  let most = 0;
  const store = Object.create(app.store);
  store.query = async (query: never) => {
    running++;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return await app.store.query(query);
  };
  const reads = readsOf({ services: { ...app.services, store } });
  const replies = Array.from({ length: 8 }, () => replyTo(reads, ['read', '/people']));
  for (const { value } of await Promise.all(replies)) expect(value).toHaveLength(3);
  expect(most).toBe(2);
});
