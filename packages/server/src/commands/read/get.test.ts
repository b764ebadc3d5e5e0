import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { amal, bela, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

async function open(): Promise<TestApp> {
  const app = await testApp({ models: sampleModels });
  const create = (r: string, body: JsonObject) => app.send(amal, { cmd: 'create', r, body });
  await create('/users/u', { name: 'U', age: 3, tags: ['a'] });
  await create('/users/v', { name: 'V', friend: '/users/u' });
  await create('/notes/n', { owner: 'amal', text: 'private' });
  await create('/secrets/s', { owner: 'amal', text: 'hush' });
  return app;
}

function get(app: TestApp, r: string, fields?: string[], auth = amal) {
  return app.send(auth, { cmd: 'get', r, cmdOpts: fields ? { fields } : {} });
}

describe('get', () => {
  test('[GET1] [GET3] returns the object, and names all visible fields', async () => {
    const app = await open();
    expect(await get(app, '/users/u')).toEqual({
      r: '/users/u',
      meta: {
        fields: [
          ...['name', 'email', 'age', 'locale', 'joined', 'picture', 'tags', 'extra', 'friend'],
          ...['team', 'house', 'visits', 'greeting', 'shout'],
        ],
      },
      body: {
        _r: '/users/u',
        _rev: 1,
        name: 'U',
        age: 3,
        tags: ['a'],
        locale: 'en',
        joined: '2024-01-01T00:00:00.000Z',
        greeting: 'Hello U',
        shout: 'Hello U!',
      },
    });
  });

  test('[GET2] [GET3] [SET1] narrows to the requested fields and sets, also those that are unset', async () => {
    const app = await open();
    expect(await get(app, '/users/u', ['email', '@card', 'name'])).toEqual({
      r: '/users/u',
      meta: { fields: ['name', 'email', 'greeting'] },
      body: { _r: '/users/u', _rev: 1, name: 'U', greeting: 'Hello U' },
    });
  });

  test('[GET2] [ENV7] an unknown field or set is refused by name', async () => {
    const app = await open();
    for (const name of ['nope', '@nope', 'picture.small', '_r', '__proto__', 'constructor']) {
      expect((await get(app, '/users/u', ['name', name])).error).toEqual({
        code: 400,
        message: 'request.invalid',
        errors: { 'cmdOpts.fields': [`field.unknown: ${name}`] },
      });
    }
  });

  test('[GET7] an object that never existed is missing, a deleted one is gone', async () => {
    const app = await open();
    const missing = { code: 404, message: 'object.missing' };
    expect(await get(app, '/users/none')).toEqual({ r: '/users/none', error: missing });
    await app.send(amal, { cmd: 'delete', r: '/users/u' });
    expect(await get(app, '/users/u')).toEqual({
      r: '/users/u',
      error: { code: 410, message: 'object.gone' },
    });
  });

  test('[ACC5] an object without the right to read is forbidden', async () => {
    const app = await open();
    expect(await get(app, '/notes/n')).toMatchObject({ body: { text: 'private' } });
    expect(await get(app, '/notes/n', undefined, bela)).toEqual({
      r: '/notes/n',
      error: { code: 403, message: 'forbidden' },
    });
  });

  test('[ACC6] a hidden object cannot be distinguished from one that never existed, not even when it is deleted', async () => {
    const app = await open();
    const missing = { code: 404, message: 'object.missing' };
    expect(await get(app, '/secrets/s')).toMatchObject({ body: { text: 'hush' } });
    expect((await get(app, '/secrets/s', undefined, bela)).error).toEqual(missing);
    expect((await get(app, '/secrets/none', undefined, bela)).error).toEqual(missing);
    await app.send(amal, { cmd: 'delete', r: '/secrets/s' });
    expect((await get(app, '/secrets/s', undefined, bela)).error).toEqual(missing);
  });

  test('[HOK2] [DUR4] pre-get hides fields and cancels', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long }, b: { type: Long } }',
      'box/pre-get.js':
        'if (obj.a > 5) cancel(451, "not for " + auth.uid); if (auth.uid != "amal") hide("b");',
    };
    const app = await testApp({ models });
    await app.send(amal, { cmd: 'create', r: '/box/1', body: { a: 1, b: 2 } });
    await app.send(amal, { cmd: 'create', r: '/box/2', body: { a: 9, b: 2 } });
    expect(await get(app, '/box/1')).toMatchObject({ body: { a: 1, b: 2 } });
    expect(await get(app, '/box/1', undefined, bela)).toEqual({
      r: '/box/1',
      meta: { fields: ['a'] },
      body: { _r: '/box/1', _rev: 1, a: 1 },
    });
    expect(await get(app, '/box/1', ['b'], bela)).toEqual({
      r: '/box/1',
      meta: { fields: [] },
      body: { _r: '/box/1', _rev: 1 },
    });
    expect((await get(app, '/box/2')).error).toEqual({ code: 451, message: 'not for amal' });
  });
});

describe('references', () => {
  test('[GET4] [GET6] come with the fields of their target that the model shows', async () => {
    const app = await open();
    const { body } = await get(app, '/users/v', ['friend']);
    expect(body).toEqual({
      _r: '/users/v',
      _rev: 1,
      friend: {
        value: '/users/u',
        ref: { _r: '/users/u', _rev: 1, name: 'U', greeting: 'Hello U' },
      },
    });
    expect(
      (await app.publishedChanges()).find(({ r }) => r === '/users/v')?.object.data.friend,
    ).toBe('/users/u');
  });

  test('[GET4] are followed inside Objects and Lists', async () => {
    const app = await open();
    const body = { name: 'W', team: ['/users/v', '/users/u'], house: { owner: '/users/u' } };
    await app.send(amal, { cmd: 'create', r: '/users/w', body });
    const answer = await get(app, '/users/w', ['team', 'house']);
    const u = { value: '/users/u', ref: { _r: '/users/u', _rev: 1, name: 'U' } };
    expect(answer.body).toMatchObject({
      team: [{ value: '/users/v', ref: { _r: '/users/v', _rev: 1, name: 'V' } }, u],
      house: { owner: u },
    });
  });

  test('[GET5] to a deleted object say that it is gone', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'delete', r: '/users/u' });
    expect((await get(app, '/users/v', ['friend'])).body).toMatchObject({
      friend: {
        value: '/users/u',
        error: { code: 410, message: 'object.gone' },
        ref: { _r: '/users/u', _rev: 2, _deleted: true },
      },
    });
  });

  test('[GET5] [DUR4] to an object without the right to read say only that', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'create', r: '/pointers/p', body: { note: '/notes/n' } });
    expect((await get(app, '/pointers/p')).body).toMatchObject({
      note: { value: '/notes/n', ref: { text: 'private' } },
    });
    expect((await get(app, '/pointers/p', undefined, bela)).body).toEqual({
      _r: '/pointers/p',
      _rev: 1,
      note: { value: '/notes/n', error: { code: 403, message: 'forbidden' } },
    });
  });

  test('[ACC6] to a hidden object say that it is missing, also when it is deleted', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'create', r: '/pointers/p', body: { to: '/secrets/s' } });
    const missing = { value: '/secrets/s', error: { code: 404, message: 'object.missing' } };
    expect((await get(app, '/pointers/p', undefined, bela)).body).toMatchObject({ to: missing });
    await app.send(amal, { cmd: 'delete', r: '/secrets/s' });
    const { body } = await get(app, '/pointers/p', undefined, bela);
    expect((body as JsonObject).to).toEqual(missing);
  });

  test('[GET4] [DUR4] show no field that is hidden in their target', async () => {
    const models = {
      people: 'version: 1\nfields: { name: { type: String }, phone: { type: String } }',
      'people/pre-get.js': 'if (auth.uid != "amal") hide("phone");',
      cards:
        'version: 1\nfields: { of: { type: reference, collectionR: /people, fields: [name, phone] } }',
    };
    const app = await testApp({ models });
    await app.send(amal, { cmd: 'create', r: '/people/p', body: { name: 'P', phone: '1' } });
    await app.send(amal, { cmd: 'create', r: '/cards/c', body: { of: '/people/p' } });
    const shown = async (auth = amal) => {
      const { body } = await get(app, '/cards/c', undefined, auth);
      return ((body as JsonObject).of as JsonObject).ref;
    };
    expect(await shown()).toEqual({ _r: '/people/p', _rev: 1, name: 'P', phone: '1' });
    expect(await shown(bela)).toEqual({ _r: '/people/p', _rev: 1, name: 'P' });
  });

  test('[LIM15] [GET4] show a target as often as the budget allows', async () => {
    const models = {
      people: 'version: 1\nfields: { name: { type: String } }',
      lists:
        'version: 1\nfields: { of: { type: List, items: { type: reference, collectionR: /people, fields: [name] } } }',
    };
    const app = await testApp({ models, limits: { outputBuffer: 1000 } });
    await app.send(amal, { cmd: 'create', r: '/people/p', body: { name: 'x'.repeat(500) } });
    const of = Array.from({ length: 1000 }, () => '/people/p');
    await app.send(amal, { cmd: 'create', r: '/lists/l', body: { of } });
    const { body } = await get(app, '/lists/l');
    const [first, second, ...others] = (body as { of: JsonObject[] }).of;
    expect([first?.ref, second?.ref]).toMatchObject([{ _rev: 1 }, { _rev: 1 }]);
    const error = { code: 413, message: 'answer.too.large' };
    expect(others.at(-1)).toEqual({ value: '/people/p', error });
    expect(others.filter(({ ref }) => ref).length).toBeLessThan(4);
  });

  test('[LIM15] are read as far as a command may go, however little of them is shown', async () => {
    const models = {
      people: 'version: 1\nfields: { name: { type: String }, n: { type: Long, default: 1 } }',
      lists:
        'version: 1\nfields: { of: { type: List, items: { type: reference, collectionR: /people, fields: [n] } } }',
    };
    const app = await testApp({ models, limits: { outputBuffer: 4000 } });
    const of = Array.from({ length: 40 }, (_, n) => `/people/${n}`);
    for (const r of of) {
      await app.send(amal, { cmd: 'create', r, body: { name: 'x'.repeat(12_000) } });
    }
    await app.send(amal, { cmd: 'create', r: '/lists/l', body: { of } });
    const { body } = await get(app, '/lists/l');
    const shown = (body as { of: JsonObject[] }).of;
    // 192,000 bytes, and the rest of the eight that are read together.
    expect(shown.map(({ ref }) => ref !== undefined)).toEqual(of.map((_, n) => n < 16));
    expect(shown.at(-1)?.error).toEqual({ code: 413, message: 'answer.too.large' });
  });

  test('[LIM44] are not read any further once the client is gone', async () => {
    const app = await open();
    const team = Array.from({ length: 40 }, (_, n) => `/users/${n}`);
    for (const r of team) await app.send(amal, { cmd: 'create', r, body: { name: 'T' } });
    await app.send(amal, { cmd: 'create', r: '/users/w', body: { name: 'W', team } });
    const { objects } = app.services;
    const heads = objects.heads.bind(objects);
    let read = 0;
    objects.heads = (rs) => {
      read += rs.length;
      return heads(rs);
    };
    const client = { auth: amal, open: true, congested: false, push() {} };
    const charge = () => {
      client.open = read < 16;
      return undefined;
    };
    const { error } = await app.sendFrom(Object.assign(client, { charge }), {
      cmd: 'get',
      r: '/users/w',
    });
    expect(error).toMatchObject({ code: 503 });
    expect(read).toBe(16);
  });
});
