import type { JsonObject, JsonValue } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { amal, bela, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

async function open(): Promise<TestApp> {
  const app = await testApp({ models: sampleModels });
  const create = (r: string, body: JsonObject) => app.send(amal, { cmd: 'create', r, body });
  await create('/users/u', { name: 'U', age: 3, visits: 10, tags: ['a', 'b'] });
  await create('/notes/n', { owner: 'amal', text: 'T' });
  await create('/secrets/s', { owner: 'amal', text: 'sealed' });
  return app;
}

type Op = [op: string, key: string, value?: JsonValue | undefined, index?: number];

function update(app: TestApp, rev: number, ops: Op[], { r = '/users/u', auth = amal } = {}) {
  const list = ops.map(([op, key, value, index]) => ({
    op,
    key,
    ...(value !== undefined && { value }),
    ...(index !== undefined && { opArgs: { index } }),
  }));
  return app.send(auth, { cmd: 'update', r, rev, body: { ops: list } });
}

const stored = async (app: TestApp, r = '/users/u') => (await app.store.get(r))?.data;
const failed = (errors: JsonObject) => ({ code: 409, message: 'validation.failed', errors });
const outdated = (...keys: string[]) => ({
  code: 409,
  message: 'object.revision.outdated',
  errors: Object.fromEntries(keys.map((key) => [`obj.${key}`, ['error.revision.outdated']])),
});

describe('update', () => {
  test('[UPD1] does all operations and returns the new revision', async () => {
    const app = await open();
    const ops: Op[] = [
      ['set', 'picture.small', 'p'],
      ['addNumber', 'visits', 5],
      ['push', 'tags', ['c', 'd']],
      ['set', 'age', null],
    ];
    expect(await update(app, 1, ops)).toEqual({ r: '/users/u', rev: 2 });
    const data = await stored(app);
    expect(data).toMatchObject({
      picture: { small: 'p' },
      visits: 15,
      tags: ['a', 'b', 'c', 'd'],
    });
    expect(data).not.toHaveProperty('age');
  });

  test('[UPD1] where one operation does not fit, none is done', async () => {
    const app = await open();
    const { error } = await update(app, 1, [
      ['addNumber', 'visits', 5],
      ['push', 'name', 'x'],
      ['addNumber', 'name', 1],
      ['removeAt', 'tags', undefined, 2],
    ]);
    expect(error).toEqual(
      failed({
        name: ['error.not.a.list', 'error.non.numeric.field'],
        tags: ['error.index.out.of.range'],
      }),
    );
    expect(await stored(app)).toMatchObject({ visits: 10 });
  });

  test('[UPD2] a revision above the current one is unknown', async () => {
    const app = await open();
    expect((await update(app, 2, [['set', 'age', 4]])).error).toEqual({
      code: 409,
      message: 'object.revision.unknown',
    });
  });

  test('[UPD3] a set, insertAt or removeAt of a field touched since is refused', async () => {
    const app = await open();
    await update(app, 1, [
      ['set', 'age', 4],
      ['push', 'tags', 'c'],
    ]);
    expect((await update(app, 1, [['set', 'age', 5]])).error).toEqual(outdated('age'));
    const insert: Op = ['insertAt', 'tags', 'x', 0];
    expect((await update(app, 1, [insert])).error).toEqual(outdated('tags'));
    const remove: Op = ['removeAt', 'tags', undefined, 0];
    expect((await update(app, 1, [remove])).error).toEqual(outdated('tags'));
    expect((await update(app, 1, [['set', 'tags[0]', 'z'], insert])).error).toEqual(
      outdated('tags[0]', 'tags'),
    );
    expect(await update(app, 1, [['set', 'name', 'W']])).toEqual({ r: '/users/u', rev: 3 });
  });

  test('[UPD3] a field is touched even by an operation that leaves the same value', async () => {
    const app = await open();
    await update(app, 1, [['set', 'age', 3]]);
    expect((await update(app, 1, [['set', 'age', 3]])).error).toEqual(outdated('age'));
  });

  test('[UPD3] a set of a field inside a field touched since is refused', async () => {
    const app = await open();
    await update(app, 1, [['set', 'picture.small', 'a']]);
    expect((await update(app, 1, [['set', 'picture.large', 'b']])).error).toEqual(
      outdated('picture.large'),
    );
    expect(await update(app, 2, [['set', 'picture.large', 'b']])).toMatchObject({ rev: 3 });
  });

  test('[UPD4] the others merge, however old the revision', async () => {
    const app = await open();
    await update(app, 1, [
      ['addNumber', 'visits', 1],
      ['set', 'tags', ['z']],
    ]);
    const ops: Op[] = [
      ['addNumber', 'visits', 2],
      ['push', 'tags', 'c'],
      ['addToSet', 'tags', ['c', 'd']],
      ['pull', 'tags', 'z'],
    ];
    expect(await update(app, 1, ops)).toEqual({ r: '/users/u', rev: 3 });
    expect(await stored(app)).toMatchObject({ visits: 13, tags: ['c', 'd'] });
  });

  test('[UPD3] [UPD4] concurrent updates of different fields both succeed, and so do two that add', async () => {
    const app = await open();
    const answers = await Promise.all([
      update(app, 1, [['set', 'age', 4]]),
      update(app, 1, [['set', 'name', 'W']]),
      update(app, 1, [['addNumber', 'visits', 1]]),
      update(app, 1, [['addNumber', 'visits', 1]]),
      update(app, 1, [['set', 'age', 5]]),
    ]);
    expect(answers.map(({ rev, error }) => rev ?? (error as JsonObject).message)).toEqual([
      2,
      3,
      4,
      5,
      'object.revision.outdated',
    ]);
    expect(await stored(app)).toMatchObject({ name: 'W', age: 4, visits: 12 });
  });

  test('[UPD11] an update that changes nothing makes a revision', async () => {
    const app = await open();
    expect(await update(app, 1, [['pull', 'tags', 'zzz']])).toEqual({ r: '/users/u', rev: 2 });
    expect((await app.publishedChanges()).at(-1)).toMatchObject({
      type: 'update',
      rev: 2,
      delta: { tags: { op: 'pull', opValue: 'zzz' } },
      touched: { tags: 1 },
    });
  });

  test('[UPD12] the result of the operations is validated where it was touched', async () => {
    const app = await open();
    const ops: Op[] = [
      ['set', 'age', -1],
      ['set', 'name', null],
      ['set', 'greeting', 'x'],
      ['set', 'nope', 1],
      ['set', '_rev', 9],
      ['push', 'tags', 4],
    ];
    const { error } = await update(app, 1, ops);
    expect(error).toEqual(
      failed({
        age: ['validation.custom.failed'],
        name: ['value.required'],
        greeting: ['field.calculated'],
        nope: ['field.unknown'],
        _rev: ['field.unknown'],
        'tags[2]': ['type.invalid'],
      }),
    );
  });

  test('[CAL2] [PSH3] calculated fields follow, through chains, and are pushed as set', async () => {
    const app = await open();
    await update(app, 1, [['set', 'name', 'W']]);
    expect(await stored(app)).toMatchObject({ greeting: 'Hello W', shout: 'Hello W!' });
    expect((await app.publishedChanges()).at(-1)).toMatchObject({
      delta: {
        name: { op: 'set', opValue: 'W' },
        greeting: { op: 'set', opValue: 'Hello W' },
        shout: { op: 'set', opValue: 'Hello W!' },
      },
      touched: { name: 1, greeting: 1, shout: 1 },
    });
    await update(app, 2, [['set', 'age', 4]]);
    expect(Object.keys((await app.publishedChanges()).at(-1)?.delta ?? {})).toEqual(['age']);
    await update(app, 3, [['set', 'name', 'X']]);
    expect((await app.publishedChanges()).at(-1)?.touched).toEqual({
      name: 2,
      greeting: 2,
      shout: 2,
    });
  });

  test('[FLD3] [PSH9] a value stored in another form than it was sent is pushed as stored', async () => {
    const app = await open();
    await update(app, 1, [['set', 'joined', '2024-05-01T02:00:00+02:00']]);
    expect((await app.publishedChanges()).at(-1)?.delta).toEqual({
      joined: { op: 'set', opValue: '2024-05-01T00:00:00.000Z' },
    });
  });

  test('[GET7] [DEL2] a missing or deleted object cannot be updated', async () => {
    const app = await open();
    const set: Op = ['set', 'age', 1];
    expect((await update(app, 1, [set], { r: '/users/none' })).error).toEqual({
      code: 404,
      message: 'object.missing',
    });
    await app.send(amal, { cmd: 'delete', r: '/users/u' });
    expect((await update(app, 1, [set])).error).toEqual({ code: 410, message: 'object.gone' });
  });

  test('[REF2] a new reference must exist, an existing one need not', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'create', r: '/users/v', body: { name: 'V' } });
    expect((await update(app, 1, [['push', 'team', '/users/none']])).error).toEqual(
      failed({ 'team[0]': ['reference.missing'] }),
    );
    expect(await update(app, 1, [['push', 'team', '/users/v']])).toMatchObject({ rev: 2 });
    await app.send(amal, { cmd: 'delete', r: '/users/v' });
    expect(await update(app, 2, [['push', 'team', '/users/u']])).toMatchObject({ rev: 3 });
    expect((await update(app, 3, [['set', 'friend', '/users/v']])).error).toEqual(
      failed({ friend: ['reference.missing'] }),
    );
  });

  test('[IDX2] a unique value that is taken is refused', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'create', r: '/users/v', body: { name: 'V', email: 'v' } });
    expect((await update(app, 1, [['set', 'email', 'v']])).error).toEqual(
      failed({ email: ['value.not.unique'] }),
    );
  });

  test('[ACC7] a missing right is reported before a conflict or an invalid field', async () => {
    const app = await open();
    const forbidden = { code: 403, message: 'forbidden' };
    const on = { r: '/notes/n', auth: bela };
    for (const op of [
      ['set', 'text', 'x'],
      ['set', 'nope', 1],
      ['push', 'text', 1],
    ] as Op[]) {
      for (const rev of [0, 1, 99]) {
        expect((await update(app, rev, [op], on)).error).toEqual(forbidden);
      }
    }
  });

  test('[ACC1] the rule of update sees the object before and after', async () => {
    const app = await open();
    const on = { r: '/notes/n' };
    expect((await update(app, 1, [['set', 'owner', 'bela']], on)).error).toEqual({
      code: 403,
      message: 'forbidden',
    });
    expect(await update(app, 1, [['set', 'text', 'x']], on)).toMatchObject({ rev: 2 });
  });

  test('[ACC6] a hidden object is missing for a user who may not read it; one who may gets 403', async () => {
    const app = await open();
    const set: Op = ['set', 'text', 'x'];
    const on = { r: '/secrets/s' };
    expect((await update(app, 1, [set], { ...on, auth: bela })).error).toEqual({
      code: 404,
      message: 'object.missing',
    });
    expect((await update(app, 1, [set], on)).error).toEqual({ code: 403, message: 'forbidden' });
  });

  test('[HOK3] pre-update sees before, after and what changes, and can cancel', async () => {
    const models = {
      box: `
version: 1
fields: { a: { type: Long }, b: { type: Long }, c: { type: Calculated, valueType: Long, dependsOn: a, value: this.a * 2 } }`,
      'box/pre-update.js':
        'cancel(409, [before.a, after.a, after.c, after._rev, fields.join("+"), auth.uid].join(" "));',
    };
    const app = await testApp({ models });
    await app.send(amal, { cmd: 'create', r: '/box/1', body: { a: 1, b: 2 } });
    const ops: Op[] = [
      ['set', 'a', 5],
      ['set', 'b', 2],
    ];
    expect((await update(app, 1, ops, { r: '/box/1' })).error).toEqual({
      code: 409,
      message: '1 5 10 2 a+c amal',
    });
    expect(await stored(app, '/box/1')).toMatchObject({ a: 1 });
  });

  test('[HOK1] on-validate runs on update, on the object as it would be', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long }, b: { type: Long } }',
      'box/on-validate.js': 'if (input.a + input.b > 5) cancel(409, "too much");',
    };
    const app = await testApp({ models });
    await app.send(amal, { cmd: 'create', r: '/box/1', body: { a: 1, b: 2 } });
    const on = { r: '/box/1' };
    expect((await update(app, 1, [['set', 'a', 4]], on)).error).toEqual({
      code: 409,
      message: 'too much',
    });
    expect(await update(app, 1, [['set', 'a', 3]], on)).toMatchObject({ rev: 2 });
  });

  test('[HOK8] a hook that throws is a 500, and nothing is written', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long } }',
      'box/pre-update.js': 'throw new Error("secret detail");',
    };
    const app = await testApp({ models });
    await app.send(amal, { cmd: 'create', r: '/box/1', body: { a: 1 } });
    expect(await update(app, 1, [['set', 'a', 4]], { r: '/box/1' })).toEqual({
      r: '/box/1',
      error: { code: 500, message: 'internal.server.error' },
    });
    expect(await stored(app, '/box/1')).toMatchObject({ a: 1 });
  });
});

test('[LIM45] an update of a large object is paid for as if all of it were sent, a small one is not', async () => {
  const app = await open();
  const { pushTarget, send } = app.connect(amal);
  const paid: number[] = [];
  Object.assign(pushTarget, { charge: (bytes: number) => void paid.push(bytes) });
  const r = '/notes/large';
  await send({ tag: 1, cmd: 'create', r, body: { owner: 'amal', text: 'x'.repeat(100_000) } });
  const ops = [{ op: 'set', key: 'text', value: 'short' }];
  await send({ tag: 2, cmd: 'update', r, rev: 1, body: { ops } });
  expect(paid).toEqual([expect.any(Number)]);
  expect(paid[0]).toBeGreaterThan(2 * 100_000);
  await send({ tag: 3, cmd: 'update', r, rev: 2, body: { ops } });
  expect(paid).toHaveLength(1);
});

test('[LIM45] an update that is prepared again because of others is paid once', async () => {
  const app = await open();
  const { pushTarget, send } = app.connect(amal);
  const r = '/notes/large';
  await send({ tag: 1, cmd: 'create', r, body: { owner: 'amal', text: 'x'.repeat(100_000) } });
  const paid: number[] = [];
  Object.assign(pushTarget, { charge: (bytes: number) => void paid.push(bytes) });
  const { objects } = app.services;
  const write = objects.write.bind(objects);
  objects.write = ({ prepare, ...request }) =>
    write({
      ...request,
      prepare: async (...seen) => {
        await prepare(...seen);
        return await prepare(...seen);
      },
    });
  const ops = [{ op: 'set', key: 'text', value: 'short' }];
  expect((await send({ tag: 2, cmd: 'update', r, rev: 1, body: { ops } })).error).toBeUndefined();
  expect(paid).toHaveLength(1);
});

test('[LIM45] so is one of an object of 4 KiB, but without a turn, and three times with a post hook', async () => {
  const fields = 'fields: { n: { type: Long }, text: { type: String } }';
  const model = `version: 1\n${fields}\naccess: { create: true, read: true, update: true, delete: true }`;
  const app = await testApp({
    models: { box: model, hooked: model, 'hooked/post-update.js': '', 'hooked/post-delete.js': '' },
  });
  app.services.objects.largeTurn = () => expect.unreachable();
  const { pushTarget, send } = app.connect(amal);
  const paid: number[] = [];
  Object.assign(pushTarget, { charge: (bytes: number) => void paid.push(bytes) });
  const body = { ops: [{ op: 'addNumber', key: 'n', value: 1 }] };
  const costs = async (r: string, length: number) => {
    await send({ tag: 1, cmd: 'create', r, body: { n: 0, text: 'x'.repeat(length) } });
    paid.length = 0;
    expect((await send({ tag: 2, cmd: 'update', r, rev: 1, body })).error).toBeUndefined();
    return paid.reduce((sum, bytes) => sum + bytes, 0);
  };
  expect(await costs('/box/1', 3000)).toBe(0);
  expect(await costs('/hooked/1', 3000)).toBe(0);
  const plain = await costs('/box/2', 5000);
  expect(plain).toBeGreaterThan(2 * 5000);
  expect(await costs('/hooked/2', 5000)).toBe(3 * plain);
  paid.length = 0;
  expect((await send({ tag: 3, cmd: 'delete', r: '/hooked/2' })).error).toBeUndefined();
  expect(paid).toEqual([2 * plain]);
});
