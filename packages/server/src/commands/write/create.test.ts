import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { amal, bela, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const open = () => testApp({ models: sampleModels });

function create(app: TestApp, r: string, body: JsonObject, auth = amal) {
  return app.send(auth, { cmd: 'create', r, body });
}

const failed = (errors: JsonObject) => ({ code: 409, message: 'validation.failed', errors });

describe('create', () => {
  test('[CRE1] [CRE6] [R6] makes an object under an id of its own, with defaults and calculated fields', async () => {
    const app = await open();
    const answer = await create(app, '/users', { name: 'Amal', age: 30 });
    expect(answer).toEqual({
      r: '/users/*',
      body: {
        _r: expect.stringMatching(/^\/users\/[1-9][0-9]*$/),
        _rev: 1,
        name: 'Amal',
        age: 30,
        locale: 'en',
        joined: '2024-01-01T00:00:00.000Z',
        greeting: 'Hello Amal',
        shout: 'Hello Amal!',
      },
    });
    const [change] = await app.publishedChanges();
    expect(change).toMatchObject({ type: 'create', rev: 1, pos: 1, modelVersion: 3, delta: {} });
    expect(change?.created).toEqual(change?.object.data);
  });

  test('[R6] ids grow', async () => {
    const app = await open();
    const ids: bigint[] = [];
    for (let i = 0; i < 50; i++) {
      const { body } = await create(app, '/users', { name: 'A' });
      ids.push(BigInt(String((body as JsonObject)._r).slice('/users/'.length)));
    }
    expect(ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? 0n))).toBe(true);
  });

  test('[CRE2] with an object as R the id is the one that the client chose, once', async () => {
    const app = await open();
    expect(await create(app, '/users/me', { name: 'Amal' })).toMatchObject({
      r: '/users/me',
      body: { _r: '/users/me', _rev: 1 },
    });
    const taken = { code: 409, message: 'object.already.exist' };
    expect(await create(app, '/users/me', { name: 'B' })).toEqual({ r: '/users/me', error: taken });
    await app.send(amal, { cmd: 'delete', r: '/users/me' });
    expect(await create(app, '/users/me', { name: 'B' })).toEqual({ r: '/users/me', error: taken });
  });

  test('[CRE1] an id of the server that a client took already is passed over', async () => {
    const app = await open();
    const next = BigInt(app.services.objects.newId()) + 1n;
    await create(app, `/users/${next}`, { name: 'early' });
    const answer = await create(app, '/users', { name: 'Amal' });
    expect(answer).toMatchObject({ r: '/users/*', body: { _r: `/users/${next + 1n}`, _rev: 1 } });
  });

  test('[CRE3] [VAL4] tells all that is wrong with the fields at once', async () => {
    const app = await open();
    const body = { age: 1.5, greeting: 'x', _r: '/users/2', nope: 1, picture: { small: 4 } };
    const { error } = await create(app, '/users', body);
    expect(error).toEqual(
      failed({
        name: ['value.required'],
        age: ['type.invalid'],
        greeting: ['field.calculated'],
        _r: ['field.unknown'],
        nope: ['field.unknown'],
        'picture.small': ['type.invalid'],
      }),
    );
    expect(await app.send(amal, { cmd: 'count', r: '/users' })).toMatchObject({
      body: { totalResults: 0 },
    });
  });

  test('[CRE3] null is as good as absent', async () => {
    const app = await open();
    const answer = await create(app, '/users', { name: 'Amal', age: null, locale: null });
    expect((answer.body as JsonObject).locale).toBe('en');
    expect(answer.body).not.toHaveProperty('age');
    const { error } = await create(app, '/users', { name: null });
    expect(error).toEqual(failed({ name: ['value.required'] }));
  });

  test('[CRE4] the parent must exist, and not be deleted', async () => {
    const app = await open();
    const missing = { code: 404, message: 'object.parent.missing' };
    const post = () => create(app, '/users/u/posts', { title: 'T' });
    expect(await post()).toEqual({ r: '/users/u/posts/*', error: missing });
    await create(app, '/users/u', { name: 'U' });
    expect(await post()).toMatchObject({ r: '/users/u/posts/*', body: { title: 'T' } });
    await app.send(amal, { cmd: 'delete', r: '/users/u' });
    expect(await post()).toEqual({ r: '/users/u/posts/*', error: missing });
  });

  test('[CRE4] parent and child may be sent in one go', async () => {
    const app = await open();
    const answers = await Promise.all([
      create(app, '/users/u', { name: 'U' }),
      create(app, '/users/u/posts', { title: 'T' }),
    ]);
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined]);
  });

  test('[CRE5] [REF2] every reference must exist, at any depth, and all that do not are told', async () => {
    const app = await open();
    await create(app, '/users/u', { name: 'U' });
    await create(app, '/users/gone', { name: 'G' });
    await app.send(amal, { cmd: 'delete', r: '/users/gone' });
    const { error } = await create(app, '/users', {
      name: 'A',
      age: -1,
      friend: '/users/none',
      team: ['/users/u', '/users/gone', '/users/none'],
      house: { owner: '/users/gone' },
    });
    expect(error).toEqual(
      failed({
        age: ['validation.custom.failed'],
        friend: ['reference.missing'],
        'team[1]': ['reference.missing'],
        'team[2]': ['reference.missing'],
        'house.owner': ['reference.missing'],
      }),
    );
  });

  test('[CRE5] a reference that is deleted before the commit is refused by the commit', async () => {
    const app = await open();
    await create(app, '/users/u', { name: 'U' });
    const [deleted, created] = await Promise.all([
      app.send(amal, { cmd: 'delete', r: '/users/u' }),
      create(app, '/users', { name: 'A', friend: '/users/u' }),
    ]);
    expect(deleted).toEqual({ r: '/users/u' });
    expect(created.error).toEqual(failed({ friend: ['reference.missing'] }));
  });

  test('[IDX2] a unique value that is taken is refused, also when both come at once', async () => {
    const app = await open();
    const body = { name: 'A', email: 'a@b' };
    const answers = await Promise.all([create(app, '/users', body), create(app, '/users', body)]);
    const taken = failed({ email: ['value.not.unique'] });
    expect(answers.map(({ error }) => error)).toEqual([undefined, taken]);
    expect((await create(app, '/users', body)).error).toEqual(taken);
  });

  test('[CRE6] who may create but not read gets the R and the revision', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long } }\naccess: { create: true }',
    };
    const app = await testApp({ models });
    const { body } = await create(app, '/box', { a: 1 });
    expect(body).toEqual({ _r: expect.stringMatching(/^\/box\//), _rev: 1 });
  });

  test('[CRE6] [DUR4] hidden fields are not in the answer', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long }, b: { type: Long } }',
      'box/pre-get.js': 'hide("b");',
    };
    const app = await testApp({ models });
    const { body } = await create(app, '/box', { a: 1, b: 2 });
    expect(body).toEqual({ _r: expect.any(String), _rev: 1, a: 1 });
  });

  test('[CRE6] a pre-get that fails does not make a written object look unwritten', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long } }',
      'box/pre-get.js': 'throw new Error("x");',
    };
    const app = await testApp({ models });
    const answer = await create(app, '/box', { a: 1 });
    expect(answer).toEqual({ r: '/box/*', body: { _r: expect.any(String), _rev: 1 } });
  });

  test('[R7] [R5] a collection without a model is unknown, and so are the names of the system', async () => {
    const app = await open();
    for (const r of ['/nope', '/nope/1', '/_users/1', '/socket', '/users/1/nope']) {
      expect(await create(app, r, {})).toMatchObject({
        error: { code: 404, message: 'model.unknown' },
      });
    }
  });

  test('[ACC7] a missing right is told before a conflict, a missing parent or a wrong field', async () => {
    const app = await open();
    const forbidden = { code: 403, message: 'forbidden' };
    await create(app, '/notes/1', { owner: 'amal', text: 'T' });
    for (const body of [{ owner: 'bela', text: 'T' }, { owner: 'bela', nope: 1 }, {}]) {
      expect((await create(app, '/notes/1', body)).error).toEqual(forbidden);
      expect((await create(app, '/notes', body)).error).toEqual(forbidden);
    }
    expect((await create(app, '/notes/1', { owner: 'amal' })).error).toMatchObject({
      message: 'object.already.exist',
    });
  });

  test('[ACC1] the rule of create sees the body as it would be stored, and no other spelling of it', async () => {
    const models = {
      days: `
version: 1
fields: { on: { type: Date }, kind: { type: String, default: en } }
access: { create: 'input.on < "2024-06-01T00:00:00.000Z" && !input.kind' }`,
    };
    const app = await testApp({ models });
    const on = (text: string) => create(app, '/days', { on: text });
    expect(await on('2024-05-31T00:00:00Z')).toMatchObject({ body: { _rev: 1 } });
    expect(await on('2024-05-31T23:00:00-05:00')).toMatchObject({ error: { code: 403 } });
  });

  test('[HOK1] on-validate runs once the fields are valid, and can cancel', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long }, b: { type: Calculated, valueType: Long, dependsOn: a, value: this.a + 1 } }',
      'box/on-validate.js': 'if (input.b > 5) cancel(409, "too much for " + auth.uid);',
    };
    const app = await testApp({ models });
    expect((await create(app, '/box', { a: 'x' })).error).toEqual(failed({ a: ['type.invalid'] }));
    expect((await create(app, '/box', { a: 5 }, bela)).error).toEqual({
      code: 409,
      message: 'too much for bela',
    });
    expect(await create(app, '/box', { a: 4 })).toMatchObject({ body: { a: 4, b: 5 } });
    expect(await app.publishedChanges()).toHaveLength(1);
  });

  test('[DUR4] of the author only the public members of the token are stored', async () => {
    const app = await testApp({ models: sampleModels, publicData: ['nick', 'constructor'] });
    const auth = { ...amal, data: { nick: 'A', mail: 'secret' } };
    await create(app, '/users', { name: 'A' }, auth);
    await create(app, '/users', { name: 'B' }, bela);
    expect((await app.publishedChanges()).map(({ by }) => by)).toEqual([
      { uid: 'amal', authType: 'password', _r: '/users/amal', data: { nick: 'A' } },
      { uid: 'bela', authType: 'password', _r: '/users/bela' },
    ]);
  });
});

describe('create and hidden objects', () => {
  test('[ACC6] a hidden parent or reference is missing for one who may not read it', async () => {
    const app = await open();
    await create(app, '/secrets/s', { owner: 'amal', text: 'x' });
    expect(await create(app, '/secrets/s/parts', { text: 'p' })).toMatchObject({
      body: { text: 'p' },
    });
    expect((await create(app, '/secrets/s/parts', { text: 'p' }, bela)).error).toEqual({
      code: 404,
      message: 'object.parent.missing',
    });
    expect(await create(app, '/pointers', { to: '/secrets/s' })).toMatchObject({
      body: { to: '/secrets/s' },
    });
    const missing = failed({ to: ['reference.missing'] });
    expect((await create(app, '/pointers', { to: '/secrets/s' }, bela)).error).toEqual(missing);
    expect((await create(app, '/pointers', { to: '/secrets/none' }, bela)).error).toEqual(missing);
  });
});
