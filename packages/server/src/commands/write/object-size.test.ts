import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWrite } from '../../objects/change.js';
import { estimateBytes } from '../../objects/estimate-bytes.js';
import { encodeGroups } from '../../store/sqlite/threads/messages.js';
import { amal } from '../sample-models.fixture.js';
import { testApp } from '../test-app.fixture.js';
import { sizeErrors } from './object-size.js';

const models = {
  notes: `version: 1
fields:
  title: { type: String, default: t }
  lines: { type: List, items: String }
  words: { type: List, items: String }
`,
};
const push = (key: string, length: number) => ({ op: 'push', key, value: 'x'.repeat(length) });
const tooLarge = (field: string) => ({
  code: 409,
  message: 'validation.failed',
  errors: { [field]: ['object.too.large'] },
});

describe('the size of an object', () => {
  test('[LIM45] a large object is written as JSON once, to be measured and to be stored', () => {
    const data = { lines: ['x'.repeat(100_000)] };
    let written = 0;
    Object.defineProperty(data, 'toJSON', {
      value: () => {
        written += 1;
        return { ...data };
      },
    });
    expect(sizeErrors(data, { limit: 200_000, fields: [] })).toEqual({});
    const write = createWrite('/notes/1', data, { by: { uid: 'amal' }, at: 0, modelVersion: 1 });
    const { writes } = encodeGroups([{ writes: [write] }]);
    expect(writes[0]).toContain(JSON.stringify({ lines: data.lines }));
    expect(written).toBe(1);
  });

  test('[LIM10] no update makes an object larger than the limit, however small the steps', async () => {
    const app = await testApp({ models, limits: { object: 1000 } });
    await app.send(amal, { cmd: 'create', r: '/notes/1', body: {} });
    const update = (...ops: ReturnType<typeof push>[]) =>
      app.send(amal, { cmd: 'update', r: '/notes/1', rev: 1, body: { ops } });
    for (let n = 0; n < 4; n++) {
      expect(await update(push('lines', 200))).toMatchObject({ rev: n + 2 });
    }
    expect((await update(push('lines', 200))).error).toEqual(tooLarge('lines'));
    expect((await update(push('words', 150), push('title', 1))).error).toMatchObject({ code: 409 });
    expect((await update(push('words', 180))).error).toEqual(tooLarge('words'));
    expect(await update(push('words', 20))).toMatchObject({ rev: 6 });
    const stored = await app.store.get('/notes/1');
    expect(JSON.stringify(stored?.data).length).toBeLessThanOrEqual(1000);
    await app.close();
  });

  test('[LIM10] nor does a create, whose error names its largest field', async () => {
    const app = await testApp({ models, limits: { object: 1000 } });
    const create = (length: number) =>
      app.send(amal, {
        cmd: 'create',
        r: '/notes',
        body: { words: ['w'.repeat(300)], lines: ['l'.repeat(length)] },
      });
    expect((await create(700)).error).toEqual(tooLarge('lines'));
    expect(await create(600)).toMatchObject({ body: { _rev: 1 } });
    await app.close();
  });

  test('[LIM10] an object that is too large already may shrink', () => {
    const before = { lines: ['x'.repeat(2000)] };
    const check = { limit: 1000, before, fields: ['lines'] };
    expect(sizeErrors({ lines: ['x'.repeat(1500)] }, check)).toEqual({});
    expect(sizeErrors({ lines: ['x'.repeat(2001)] }, check)).toEqual({
      lines: ['object.too.large'],
    });
  });

  test('[LIM10] bytes are counted as they are on the wire', () => {
    const data = { lines: '\u0001é😀'.repeat(100) };
    const bytes = Buffer.byteLength(JSON.stringify(data));
    expect(sizeErrors(data, { limit: bytes, fields: ['lines'] })).toEqual({});
    expect(sizeErrors(data, { limit: bytes - 1, fields: ['lines'] })).toEqual({
      lines: ['object.too.large'],
    });
  });

  test('an object taken for small is small', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = Buffer.byteLength(JSON.stringify(value));
        expect(json).toBeLessThanOrEqual(6 * estimateBytes(value as JsonValue));
      }),
    );
  });
});
