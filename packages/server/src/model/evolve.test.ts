import type { JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import type { StoredObject } from '../store/stored-object.js';
import { evolve, isOutdated } from './evolve.js';
import { type Files, type LoadedTestModels, loaded } from './models.fixture.js';

function things(version: number, fields: string, files: Files = {}): Promise<LoadedTestModels> {
  const yaml = `version: ${version}\nfields:\n${fields}\n`;
  const scripts = Object.entries(files).map(([name, text]) => [`things/${name}`, text]);
  return loaded({ 'things/model.yaml': yaml, ...Object.fromEntries(scripts) });
}

function stored(data: JsonObject, modelVersion = 1): StoredObject {
  return { r: '/things/1', rev: 7, data, touched: { a: 3 }, deleted: false, modelVersion };
}

const text = '  a: { type: String }';

test('[MIG1] evolutions run one after the other, from the version of the object on', async () => {
  const files = {
    'evolution-2.js': "return { ...obj, a: obj.a + '2' };",
    'evolution-3.js': "return { ...obj, a: obj.a + '3' };",
  };
  const model = (await things(5, text, files)).model('things');
  const from = async (version: number) => {
    const object = stored({ a: '' }, version);
    if (!isOutdated(model, object)) return 'as it is';
    const evolved = await evolve(model, object);
    return evolved.kind === 'evolved' ? evolved.object.data.a : evolved.reason;
  };
  expect(await from(1)).toBe('23');
  expect(await from(2)).toBe('3');
  for (const version of [3, 4, 5, 6]) expect(await from(version)).toBe('as it is');
});

test('[MIG2] revision and R stay, whatever the evolution makes of them; calculated fields are recalculated', async () => {
  const fields = `${text}\n  b: { type: Calculated, valueType: String, dependsOn: a, value: 'this.a + "!"' }`;
  const files = { 'evolution-2.js': "return { a: obj._r + obj._rev, b: 'mine', _r: 1, _rev: 2 };" };
  const model = (await things(2, fields, files)).model('things');
  expect(await evolve(model, stored({ a: 'x', b: 'x!' }))).toEqual({
    kind: 'evolved',
    object: { ...stored({ a: '/things/17', b: '/things/17!' }), modelVersion: 2 },
  });
});

test('[MIG2] calculated fields are recalculated without an evolution, too', async () => {
  const fields = `${text}\n  b: { type: Calculated, valueType: String, dependsOn: a, value: 'this.a + "?"' }`;
  const model = (await things(2, fields)).model('things');
  expect(isOutdated(model, stored({ a: 'x', b: 'x!' }))).toBe(true);
  expect(await evolve(model, stored({ a: 'x', b: 'x!', gone: 1 }))).toMatchObject({
    object: { data: { a: 'x', b: 'x?' } },
  });
});

test('[MIG1] a version without an evolution and without calculated fields leaves every object as it is', async () => {
  const model = (await things(9, text)).model('things');
  expect(isOutdated(model, stored({ a: 'x' }))).toBe(false);
});

test.each<[string, string, RegExp]>([
  ['nothing', '', /returned nothing; expected the object/],
  ['null', 'return null', /returned null/],
  ['a list', 'return [obj]', /returned a list/],
  ['a text', "return 'x'", /returned a string/],
  [
    'a value of a wrong type',
    'return { a: 1 }',
    /does not fit the model: \{"a":\["type.invalid"\]\}/,
  ],
  ['a field that is not there', "return { b: 'x' }", /\{"b":\["field.unknown"\]\}/],
])('[MIG3] [MIG4] an evolution that returns %s fails', async (_what, source, reason) => {
  const { model, failures } = await things(2, text, { 'evolution-2.js': source });
  const evolved = await evolve(model('things'), stored({ a: 'x' }));
  expect(evolved).toMatchObject({ kind: 'failed', reason: expect.stringMatching(reason) });
  expect(evolved).toMatchObject({ reason: expect.stringContaining('things/evolution-2.js') });
  expect(failures).toHaveLength(1);
});

test('[MIG4] an evolution that throws or cancels fails, with its line where that is known', async () => {
  const throws = await things(2, text, { 'evolution-2.js': "throw new Error('no')" });
  expect(await evolve(throws.model('things'), stored({ a: 'x' }))).toMatchObject({
    kind: 'failed',
    reason: expect.stringMatching(/things\/evolution-2\.js:1: Error: no$/),
  });
  const cancels = await things(2, text, { 'evolution-2.js': "cancel(400, 'no')" });
  expect(await evolve(cancels.model('things'), stored({ a: 'x' }))).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('cancelled: no'),
  });
});

test('[MIG3] fields that evolutions leave alone are not validated, and changed ones are stored as a write would be', async () => {
  const fields = `${text}\n  at: { type: Date }\n  o: { type: Object, fields: { x: { type: Long } } }`;
  const source = "return { ...obj, at: '2024-01-29T13:00:00+01:00', o: { x: 1 }, a: null };";
  const model = (await things(2, fields, { 'evolution-2.js': source })).model('things');
  expect(await evolve(model, stored({ a: 'x', left: true }))).toMatchObject({
    kind: 'evolved',
    object: { data: { at: '2024-01-29T12:00:00.000Z', o: { x: 1 } } },
  });
  const wrongBefore = await evolve(
    (await things(2, text, { 'evolution-2.js': 'return obj' })).model('things'),
    stored({ a: 5 }),
  );
  expect(wrongBefore).toMatchObject({ kind: 'evolved', object: { data: { a: 5 } } });
});

test('[MIG3] a field that a later version dropped is not an error', async () => {
  const files = { 'evolution-2.js': "return { ...obj, dropped: 'x' };" };
  const model = (await things(3, text, files)).model('things');
  expect(await evolve(model, stored({ a: 'x' }))).toEqual({
    kind: 'evolved',
    object: { ...stored({ a: 'x' }), modelVersion: 3 },
  });
});
