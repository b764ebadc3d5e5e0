import type { JsonObject } from '@really/protocol';
import { afterEach, expect, test } from 'vitest';
import { alice } from '../../model/models.fixture.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const apps: TestApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

function notes(version: number, type: string, read: string): string {
  return `version: ${version}
fields: { level: { type: ${type}, index: true }, note: { type: String } }
access: { create: true, update: true, read: ${JSON.stringify(read)} }`;
}

/** Notes written while their level was a text, read under a version in which it is a number. */
async function appOf(read: string, ...levels: string[]): Promise<TestApp> {
  const app = await testApp({ models: { notes: notes(1, 'String', 'true') } });
  apps.push(app);
  for (const [id, level] of levels.entries()) {
    const body = { level, note: `launch code ${id}` };
    await app.send(alice, { cmd: 'create', r: `/notes/${id}`, body });
  }
  const makeCurrent = await app.reload({ notes: notes(2, 'Long', read) });
  await makeCurrent();
  return app;
}

function itemsOf({ body }: JsonObject): unknown[] {
  const { items } = body as { items: { body: JsonObject }[] };
  return items.map((item) => item.body._r);
}

test('[ACC11] [CNT1] no count reveals a text in a number field to a reader who may not see it', async () => {
  const app = await appOf('!(obj.level > 3)', '9', '2');
  expect(await app.send(alice, { cmd: 'get', r: '/notes/0' })).toMatchObject({
    error: { code: 403 },
  });
  for (const filter of ["note starts with 'launch'", "note starts with 'launch code 0'"]) {
    const query = { filter };
    const read = { cmd: 'read', r: '/notes', cmdOpts: { query, includeTotalCount: true } };
    const seen = filter.endsWith("0'") ? [] : ['/notes/1'];
    const answer = await app.send(alice, read);
    expect(itemsOf(answer)).toEqual(seen);
    expect(answer).toMatchObject({ body: { totalResults: seen.length } });
    expect(await app.send(alice, { cmd: 'count', r: '/notes', cmdOpts: { query } })).toMatchObject({
      body: { totalResults: seen.length },
    });
  }
});

test('[ACC11] read and count find objects with other types exactly where get shows them', async () => {
  const app = await appOf('obj.level < 3', '9', '2');
  expect(await app.send(alice, { cmd: 'get', r: '/notes/1' })).toMatchObject({
    body: { level: '2' },
  });
  for (const cmdOpts of [{}, { sort: 'level' }, { sort: '-note' }]) {
    expect(itemsOf(await app.send(alice, { cmd: 'read', r: '/notes', cmdOpts }))).toEqual([
      '/notes/1',
    ]);
  }
  expect(await app.send(alice, { cmd: 'count', r: '/notes' })).toMatchObject({
    body: { totalResults: 1 },
  });
});

test('[ACC11] [QRY2] a live query applies its rule to objects with other types', async () => {
  const app = await appOf('obj.level > 3 && obj.note == "open"', '9', '2');
  const connection = app.connect(alice);
  const cmdOpts = { subscribe: true };
  expect(itemsOf(await connection.send({ cmd: 'read', r: '/notes', cmdOpts }))).toEqual([]);
  for (const id of [0, 1]) {
    const body = { ops: [{ op: 'set', key: 'note', value: 'open' }] };
    await app.send(alice, { cmd: 'update', r: `/notes/${id}`, rev: 1, body });
  }
  await app.services.live.settled();
  expect(connection.pushes).toMatchObject([
    { evt: 'entered', r: '/notes/*', body: { _r: '/notes/0', level: '9' } },
  ]);
});
