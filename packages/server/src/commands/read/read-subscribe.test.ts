import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { Positions } from '../../live/position.js';
import { StoreUnavailable } from '../../store/store-errors.js';
import { amal, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';
import { fill, ids, open, read, users, where } from './read.fixture.js';

describe('read with subscribe', () => {
  const models = {
    ...sampleModels,
    quiet: 'version: 1\nfields: { a: { type: Long } }\naccess: { read: true, subscribe: false }',
  };
  const message = (cmdOpts: JsonObject, r = '/users') => ({
    cmd: 'read',
    r,
    cmdOpts: { subscribe: true, ...cmdOpts },
  });
  const settled = async (app: TestApp) => {
    await app.publishedChanges();
    await app.services.live.settled();
  };

  test('[REA11] returns the items and a subscription, which pushes later creations', async () => {
    const app = await testApp({ models });
    await fill(app, users);
    const connection = app.connect(amal);
    const answer = await connection.send(message(where('age > $a', { a: 25 })));
    expect(ids(answer)).toEqual(['d', 'a']);
    const { subscription } = answer.meta as JsonObject;
    expect(subscription).toEqual(expect.any(String));
    await fill(app, { '/users/x': { name: 'X', age: 26 }, '/users/y': { name: 'Y', age: 1 } });
    await settled(app);
    expect(connection.pushes).toMatchObject([
      { evt: 'created', r: '/users/*', meta: { subscription }, body: { _r: '/users/x' } },
    ]);
  });

  test('[REA11] if it fails it says why, even if its subscription has ended already', async () => {
    const app = await testApp({ models });
    const connection = app.connect(amal);
    Object.assign(app.store, {
      async count() {
        app.services.live.drop(connection.pushTarget);
        throw new StoreUnavailable('away');
      },
    });
    const { error } = await connection.send(message({ includeTotalCount: true }));
    expect(error).toMatchObject({ code: 503 });
  });

  test('[REA11] an object created while the items are read is not missed', async () => {
    const app = await testApp({ models });
    const { query } = app.store;
    Object.assign(app.store, {
      query: async (...args: Parameters<typeof query>) => {
        const found = await query.apply(app.store, args);
        await fill(app, { '/users/x': { name: 'X' } });
        return found;
      },
    });
    const connection = app.connect(amal);
    expect(ids(await connection.send(message({})))).toEqual([]);
    await settled(app);
    expect(connection.pushes).toMatchObject([{ evt: 'created', body: { _r: '/users/x' } }]);
  });

  test('[REA11] objects among the items are not pushed as well', async () => {
    const app = await testApp({ models });
    const { query } = app.store;
    Object.assign(app.store, {
      query: async (...args: Parameters<typeof query>) => {
        await fill(app, { '/users/x': { name: 'X' }, '/users/y': { name: 'Y' } });
        return await query.apply(app.store, args);
      },
    });
    const connection = app.connect(amal);
    expect(ids(await connection.send(message({ limit: 1 })))).toEqual(['y']);
    await fill(app, { '/users/z': { name: 'Z' } });
    await settled(app);
    // The window holds the newest objects: the one that the new object displaces is reported too.
    expect(
      connection.pushes.map(({ evt, r, body }) => [evt, (body as JsonObject)?._r ?? r]),
    ).toEqual([
      ['left', '/users/y'],
      ['created', '/users/z'],
    ]);
  });

  test('[REA11] with `since` the items are omitted, and objects created since are pushed', async () => {
    const app = await testApp({ models });
    await fill(app, { '/users/a': { name: 'A' }, '/users/b': { name: 'B' } });
    const connection = app.connect(amal);
    const view = app.services.live.viewOf(['users'], amal) ?? '';
    const since = new Positions(() => app.store.epoch).text({ pos: 1, view });
    const options = { since, includeTotalCount: true, fields: ['name'] };
    const answer = await connection.send(message(options));
    expect(answer).toEqual({
      r: '/users/*',
      meta: { subscription: expect.any(String), view },
      body: { totalResults: 2 },
    });
    await settled(app);
    expect(connection.pushes).toMatchObject([{ body: { _r: '/users/b', _rev: 1, name: 'B' } }]);
  });

  test('[REA11] a position outside the history is gone', async () => {
    const app = await testApp({ models });
    const { error } = await app.connect(amal).send(message({ since: '99' }));
    expect(error).toEqual({ code: 410, message: 'position.gone' });
  });

  test('[REA11] a read that fails leaves no subscription behind', async () => {
    const app = await testApp({ models });
    Object.assign(app.store, { query: async () => Promise.reject(new Error('broken')) });
    expect((await app.connect(amal).send(message({}))).error).toMatchObject({ code: 500 });
    expect(app.services.live.counts().subscriptions).toBe(0);
  });

  test('[SUB10] the right to subscribe is needed', async () => {
    const app = await testApp({ models });
    expect((await app.connect(amal).send(message({}, '/quiet'))).error).toEqual({
      code: 403,
      message: 'forbidden',
    });
    expect(await read(app, {}, { r: '/quiet' })).toMatchObject({ body: { items: [] } });
  });
});

describe('subscribe and unsubscribe', () => {
  test('[SUB1] [SUB3] [UNS1] responses and pushes are those of the live layer', async () => {
    const app = await open();
    await fill(app, users);
    const connection = app.connect(amal);
    const view = app.services.live.viewOf(['users'], amal) ?? '';
    const subscriptions = [{ r: '/users/a', fields: ['age'] }, { r: '/users/none' }];
    const answer = await connection.send({ cmd: 'subscribe', body: { subscriptions } });
    expect(answer).toEqual({
      body: {
        subscriptions: [{ r: '/users/a', fields: ['age'], view }],
        failures: [{ r: '/users/none', error: { code: 404, message: 'object.missing' } }],
      },
    });
    await app.services.live.settled();
    const body1 = { _r: '/users/a', _rev: 1, age: 30 };
    expect(connection.pushes).toEqual([
      { evt: 'snapshot', r: '/users/a', rev: 1, meta: { view }, body: body1 },
    ]);
    const body = { subscriptions: ['/users/a'] };
    expect(await connection.send({ cmd: 'unsubscribe', body })).toEqual({ body });
  });
});
