import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { createWrite } from '../objects/change.js';
import type { Platform } from '../platform/platform.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { type TestApp, type TestAppOptions, testApp } from './test-app.fixture.js';

const amal = { uid: 'amal' };
const open = 'access: { create: true, read: true, update: true, delete: true }';
const list = (collectionR: string) =>
  `fields: { l: { type: List, items: { type: reference, collectionR: ${collectionR} } } }`;
const models = {
  users: `version: 1\nfields: { text: { type: String } }\n${open}`,
  'users/posts': `version: 1\nfields: { text: { type: String } }\n${open}`,
  secrets: `version: 1\nfields: { text: { type: String } }\naccess: { read: "obj.text != null", hidden: true }`,
  teams: `version: 1\n${list('/users')}\n${open}`,
  keepers: `version: 1\n${list('/secrets')}\n${open}`,
};

const rsOf = (name: string, count: number) => {
  return Array.from({ length: count }, (_, n) => `/${name}/${n}`);
};

/** An app whose store has users and secrets that are not in memory, and a connection to it. */
async function setUp(options: Partial<TestAppOptions> = {}, wrap = (store: Store) => store) {
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  const app = await testApp({
    models,
    ...options,
    open: async (platform: Platform) => {
      const store = openMemoryStore({}, platform);
      const rs = [...rsOf('users', 500), ...rsOf('secrets', 200)];
      await store.commit(rs.map((r) => ({ writes: [createWrite(r, { text: r }, origin)] })));
      return wrap(store);
    },
  });
  const paid: number[] = [];
  const { pushTarget, send } = app.connect(amal);
  Object.assign(pushTarget, { charge: (bytes: number) => void paid.push(bytes) });
  return { app, send, paid };
}

/** A store that calls these before it reads. */
function watched(
  store: Store,
  on: { loads?: (rs: readonly string[]) => void; looks?: () => void },
): Store {
  const reads: Partial<Store> = {
    get: (r) => {
      on.loads?.([r]);
      return store.get(r);
    },
    getMany: (rs) => {
      on.loads?.(rs);
      return store.getMany(rs);
    },
    areLiving: (rs) => {
      on.looks?.();
      return store.areLiving(rs);
    },
  };
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(Object.hasOwn(reads, name) ? reads : target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const create = (r: string, body: JsonObject) => ({ tag: 1, cmd: 'create', r, body });

test('[LIM49] what a write refers to is looked for, and not loaded', async () => {
  const loaded: string[] = [];
  const { send } = await setUp({}, (store) => {
    return watched(store, { loads: (rs) => loaded.push(...rs) });
  });
  await send({ tag: 1, cmd: 'delete', r: '/users/0' });
  loaded.length = 0;
  const rs = rsOf('users', 501);
  expect((await send(create('/teams/1', { l: rs }))).error).toMatchObject({
    errors: { 'l[0]': ['reference.missing'], 'l[500]': ['reference.missing'] },
  });
  expect((await send(create('/teams/1', { l: rs.slice(1, 300) }))).error).toBeUndefined();
  const ops = [{ op: 'addToSet', key: 'l', value: rs.slice(300, 500) }];
  const added = { tag: 2, cmd: 'update', r: '/teams/1', rev: 1, body: { ops } };
  expect((await send(added)).error).toBeUndefined();
  expect((await send(create('/users/1/posts/1', {}))).error).toBeUndefined();
  expect((await send(create('/users/0/posts/1', {}))).error).toMatchObject({ code: 404 });
  const batched = {
    tag: 3,
    cmd: 'batch',
    body: {
      commands: [
        { cmd: 'delete', r: '/users/2' },
        { cmd: 'create', r: '/users/new', body: {} },
        { cmd: 'create', r: '/users/new/posts/1', body: {} },
        { cmd: 'create', r: '/users/3/posts/1', body: {} },
        { cmd: 'create', r: '/users/2/posts/1', body: {} },
      ],
    },
  };
  expect((await send(batched)).error).toMatchObject({ code: 404 });
  batched.body.commands.pop();
  expect((await send(batched)).error).toBeUndefined();
  expect(loaded.filter((r) => r.startsWith('/users') && !r.includes('posts'))).toEqual(
    // The heads of what the batch writes.
    ['/users/2', '/users/new', '/users/new'],
  );
});

test('[LIM49] an object that was found is looked for again once it may be deleted', async () => {
  const { send } = await setUp();
  expect((await send(create('/users/1/posts/1', {}))).error).toBeUndefined();
  await send({ tag: 1, cmd: 'delete', r: '/users/1' });
  expect((await send(create('/users/1/posts/2', {}))).error).toMatchObject({ code: 404 });
});

test('[LIM49] each reference that a write adds is paid for', async () => {
  const { send, paid } = await setUp();
  const l = rsOf('users', 400);
  await send(create('/teams/1', { l: l.slice(0, 300) }));
  const ops = [{ op: 'set', key: 'l', value: l }];
  paid.length = 0;
  await send({ tag: 2, cmd: 'update', r: '/teams/1', rev: 1, body: { ops } });
  expect(paid).toContain(2 * 100 * 512);
});

test('[LIM49] others have their turn while a long list of references is looked for', async () => {
  let app: TestApp | undefined;
  const seen: number[] = [];
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  const setup = await setUp({}, (store) => {
    const looks = () => {
      seen.push(turns);
      app?.platform.advance(20);
    };
    return watched(store, { looks });
  });
  app = setup.app;
  count();
  await setup.send(create('/teams/1', { l: rsOf('users', 500) }));
  isOver = true;
  expect(seen).toHaveLength(5);
  expect(new Set(seen).size).toBe(5);
});

test('[LIM49] what may be hidden is loaded one by one, paid for, and only so much of it', async () => {
  const loads: number[] = [];
  const { send, paid } = await setUp({ limits: { outputBuffer: 100 } }, (store) => {
    return watched(store, { loads: (rs) => loads.push(rs.length) });
  });
  const l = rsOf('secrets', 200);
  loads.length = 0;
  expect((await send(create('/keepers/1', { l: l.slice(0, 20) }))).error).toBeUndefined();
  expect(new Set(loads)).toEqual(new Set([1]));
  expect(loads.length).toBeGreaterThanOrEqual(20);
  expect(paid.length).toBeGreaterThan(20);
  expect((await send(create('/keepers/2', { l }))).error).toEqual({
    code: 409,
    message: 'validation.failed',
    errors: { body: ['references.too.large'] },
  });
});

test('[LIM45] a small update of a long list of references takes a turn, and pays for the list', async () => {
  const { app, send, paid } = await setUp();
  const l = rsOf('users', 500);
  await send(create('/teams/1', { l: l.slice(0, 499) }));
  await send(create('/teams/2', { l: l.slice(0, 10) }));
  const { objects } = app.services;
  const turns: string[] = [];
  const largeTurn = objects.largeTurn.bind(objects);
  objects.largeTurn = (owner) => {
    turns.push(owner);
    return largeTurn(owner);
  };
  paid.length = 0;
  const ops = [{ op: 'addToSet', key: 'l', value: l.slice(499) }];
  await send({ tag: 1, cmd: 'update', r: '/teams/2', rev: 1, body: { ops } });
  expect(turns).toEqual([]);
  await send({ tag: 2, cmd: 'update', r: '/teams/1', rev: 1, body: { ops } });
  expect(turns).toEqual(['uid amal']);
  expect(Math.max(...paid)).toBeGreaterThan(2 * 499 * 128);
});
