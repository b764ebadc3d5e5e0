import type { JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { amal, bela, sampleModels } from '../sample-models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

async function open() {
  const app = await testApp({ models: sampleModels });
  await app.send(amal, { cmd: 'create', r: '/users/u', body: { name: 'U', visits: 0 } });
  return app;
}

function visit(app: TestApp, once: string, auth = amal) {
  const body = { ops: [{ op: 'addNumber', key: 'visits', value: 1 }] };
  return app.send(auth, { cmd: 'update', r: '/users/u', rev: 1, body, cmdOpts: { once } });
}

const visits = async (app: TestApp) => (await app.store.get('/users/u'))?.data.visits;
const reused = { code: 409, message: 'once.reused' };

describe('once', () => {
  test('[ONC1] an update sent again counts once', async () => {
    const app = await open();
    expect(await visit(app, 'a')).toEqual({ r: '/users/u', rev: 2 });
    await visit(app, 'b');
    expect(await visit(app, 'a')).toEqual({ r: '/users/u', rev: 2, meta: { repeated: true } });
    expect(await visits(app)).toBe(2);
  });

  test('[ONC1] so does one sent while the first is in progress', async () => {
    const app = await open();
    const answers = await Promise.all([visit(app, 'a'), visit(app, 'a'), visit(app, 'a')]);
    const repeated = { r: '/users/u', rev: 2, meta: { repeated: true } };
    expect(answers).toEqual([{ r: '/users/u', rev: 2 }, repeated, repeated]);
    expect(await visits(app)).toBe(1);
  });

  test('[ONC1] a create sent again returns the R and the revision of the first', async () => {
    const app = await open();
    const message = {
      cmd: 'create',
      r: '/users',
      body: { name: 'N' },
      cmdOpts: { once: 'a' },
    };
    const first = await app.send(amal, message);
    const { _r } = first.body as JsonObject;
    await app.send(amal, { cmd: 'delete', r: String(_r) });
    expect(await app.send(amal, message)).toEqual({
      r: '/users/*',
      meta: { repeated: true },
      body: { _r, _rev: 1 },
    });
    expect(await app.send(amal, { cmd: 'count', r: '/users' })).toMatchObject({
      body: { totalResults: 1 },
    });
  });

  test('[ONC1] a delete sent again does not get an error that the object is gone', async () => {
    const app = await open();
    const message = { cmd: 'delete', r: '/users/u', cmdOpts: { once: 'a' } };
    expect(await app.send(amal, message)).toEqual({ r: '/users/u' });
    expect(await app.send(amal, message)).toEqual({
      r: '/users/u',

      meta: { repeated: true },
    });
  });

  test('[ONC2] an id used for another command or R is refused', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'create', r: '/users/v', body: { name: 'V', visits: 0 } });
    await visit(app, 'a');
    const once = { cmdOpts: { once: 'a' } };
    const ops = [{ op: 'addNumber', key: 'visits', value: 1 }];
    const others = [
      { cmd: 'delete', r: '/users/u', ...once },
      { cmd: 'update', r: '/users/v', rev: 1, body: { ops }, ...once },
      { cmd: 'create', r: '/users', body: { name: 'N' }, ...once },
    ];
    for (const message of others) expect((await app.send(amal, message)).error).toEqual(reused);
    expect(await visits(app)).toBe(1);
  });

  test('[ONC2] also while the first is in progress', async () => {
    const app = await open();
    const [first, second] = await Promise.all([
      visit(app, 'a'),
      app.send(amal, { cmd: 'delete', r: '/users/u', cmdOpts: { once: 'a' } }),
    ]);
    expect(first).toMatchObject({ rev: 2 });
    expect(second?.error).toEqual(reused);
  });

  test('[ONC1] each user has separate ids', async () => {
    const app = await open();
    await visit(app, 'a');
    expect(await visit(app, 'a', bela)).toEqual({ r: '/users/u', rev: 3 });
  });

  test('[ONC3] a refused command may be sent again under its id', async () => {
    const app = await open();
    const message = {
      cmd: 'create',
      r: '/users/n/posts',
      body: { title: 'T' },
      cmdOpts: { once: 'a' },
    };
    expect((await app.send(amal, message)).error).toMatchObject({ code: 404 });
    await app.send(amal, { cmd: 'create', r: '/users/n', body: { name: 'N' } });
    const answer = await app.send(amal, message);
    expect(answer).toMatchObject({ body: { title: 'T' } });
    expect(answer).not.toHaveProperty('meta');
  });
});
