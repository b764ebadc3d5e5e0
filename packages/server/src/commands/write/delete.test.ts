import { describe, expect, test } from 'vitest';
import { amal, bela, sampleModels } from '../sample-models.fixture.js';
import { testApp } from '../test-app.fixture.js';

async function open() {
  const app = await testApp({ models: sampleModels });
  await app.send(amal, { cmd: 'create', r: '/users/u', body: { name: 'U' } });
  await app.send(amal, { cmd: 'create', r: '/users/u/posts/p', body: { title: 'P' } });
  await app.send(amal, { cmd: 'create', r: '/notes/n', body: { owner: 'amal', text: 'T' } });
  await app.send(amal, { cmd: 'create', r: '/secrets/s', body: { owner: 'amal' } });
  return app;
}

describe('delete', () => {
  test('[DEL1] [DEL3] leaves the R and a revision one higher; children stay', async () => {
    const app = await open();
    expect(await app.send(amal, { cmd: 'delete', r: '/users/u' })).toEqual({ r: '/users/u' });
    expect(await app.store.get('/users/u')).toMatchObject({ rev: 2, data: {}, deleted: true });
    expect((await app.publishedChanges()).at(-1)).toMatchObject({
      type: 'delete',
      rev: 2,
      created: null,
      delta: {},
    });
    expect(await app.send(amal, { cmd: 'get', r: '/users/u/posts/p' })).toMatchObject({
      body: { title: 'P' },
    });
  });

  test('[DEL1] a revision that is not the current one is outdated', async () => {
    const app = await open();
    for (const rev of [0, 2]) {
      expect((await app.send(amal, { cmd: 'delete', r: '/users/u', rev })).error).toEqual({
        code: 409,
        message: 'object.revision.outdated',
      });
    }
    expect(await app.send(amal, { cmd: 'delete', r: '/users/u', rev: 1 })).toEqual({
      r: '/users/u',
    });
  });

  test('[DEL2] a deleted object is gone', async () => {
    const app = await open();
    await app.send(amal, { cmd: 'delete', r: '/users/u' });
    const gone = { code: 410, message: 'object.gone' };
    const ops = [{ op: 'set', key: 'name', value: 'x' }];
    const again = [
      { cmd: 'get', r: '/users/u' },
      { cmd: 'update', r: '/users/u', rev: 2, body: { ops } },
      { cmd: 'delete', r: '/users/u' },
    ];
    for (const message of again) expect((await app.send(amal, message)).error).toEqual(gone);
  });

  test('[GET7] an object that never existed is missing', async () => {
    const app = await open();
    expect((await app.send(amal, { cmd: 'delete', r: '/users/none' })).error).toEqual({
      code: 404,
      message: 'object.missing',
    });
  });

  test('[ACC7] a missing right is reported before a conflict', async () => {
    const app = await open();
    const message = { cmd: 'delete', r: '/notes/n', rev: 9 };
    expect((await app.send(bela, message)).error).toEqual({ code: 403, message: 'forbidden' });
    expect((await app.send(amal, message)).error).toMatchObject({
      message: 'object.revision.outdated',
    });
  });

  test('[ACC6] a hidden object is missing for a user who may not read it, before and after the delete', async () => {
    const app = await open();
    const message = { cmd: 'delete', r: '/secrets/s' };
    const missing = { code: 404, message: 'object.missing' };
    expect((await app.send(bela, message)).error).toEqual(missing);
    expect(await app.send(amal, message)).toEqual({ r: '/secrets/s' });
    expect((await app.send(bela, message)).error).toEqual(missing);
  });

  test('[HOK4] pre-delete sees the object, and can cancel', async () => {
    const models = {
      box: 'version: 1\nfields: { a: { type: Long } }',
      'box/pre-delete.js': 'if (obj.a > 1) cancel(409, obj._r + " " + auth.uid);',
    };
    const app = await testApp({ models });
    await app.send(amal, { cmd: 'create', r: '/box/1', body: { a: 1 } });
    await app.send(amal, { cmd: 'create', r: '/box/2', body: { a: 2 } });
    expect(await app.send(amal, { cmd: 'delete', r: '/box/1' })).toEqual({ r: '/box/1' });
    expect((await app.send(amal, { cmd: 'delete', r: '/box/2' })).error).toEqual({
      code: 409,
      message: '/box/2 amal',
    });
  });
});

test('[LIM45] an object that has to be loaded for a write is paid for, without the right to it, too', async () => {
  const app = await testApp({ models: sampleModels, limits: { cachedObjects: 1 } });
  const body = { owner: 'amal', text: 'x'.repeat(100_000) };
  const r = '/notes/large';
  const { pushTarget, send } = app.connect(bela);
  const paid: number[] = [];
  Object.assign(pushTarget, { charge: (bytes: number) => void paid.push(bytes) });
  const other = { owner: 'amal', text: 'small' };
  const forget = (id: string) => app.send(amal, { cmd: 'create', r: `/notes/${id}`, body: other });
  await app.send(amal, { cmd: 'create', r, body });
  const remove = { cmd: 'delete', r };
  const commands = [remove, { cmd: 'create', r, body: other }];
  const messages = [...commands, { cmd: 'batch', body: { commands } }];
  for (const [index, message] of messages.entries()) {
    await forget(`${index}`);
    expect(await send({ tag: index + 1, ...message })).toHaveProperty('error');
    expect(paid).toHaveLength(index + 1);
    expect(paid.at(-1)).toBeGreaterThan(100_000);
  }
});
