import { expect, test } from 'vitest';
import { thing } from '../models.fixture.js';
import { storedReference } from './check-types.js';
import { addedReferences, countReferences, newReferences } from './references.js';

test('[REF2] references are found at any depth, under their paths', async () => {
  const reference = '{ type: reference, collectionR: /things }';
  const { thing: model } = await thing(
    [
      `  one: ${reference}`,
      `  house: { type: Object, fields: { owner: ${reference}, size: { type: Long } } }`,
      `  team: { type: List, items: ${reference} }`,
      `  teams: { type: List, items: { type: List, items: { type: Object, fields: { who: ${reference} } } } }`,
      '  text: { type: String }',
      '  texts: { type: List, items: String }',
    ].join('\n'),
  );
  const data = {
    one: '/things/1',
    house: { owner: '/things/2', size: 3 },
    team: ['/things/3', '/things/3'],
    teams: [[], [{ who: '/things/4' }, {}]],
    text: '/things/9',
    texts: ['/things/9'],
  };
  expect(newReferences(model, data)).toEqual([
    { path: 'one', r: '/things/1' },
    { path: 'house.owner', r: '/things/2' },
    { path: 'team[0]', r: '/things/3' },
    { path: 'team[1]', r: '/things/3' },
    { path: 'teams[1][0].who', r: '/things/4' },
  ]);
  expect(addedReferences(model, {}, data, ['house', 'text'])).toEqual([
    { path: 'house.owner', r: '/things/2' },
  ]);
  expect(newReferences(model, {})).toEqual([]);
});

test('[REF2] those that an update adds are found, whatever was there before', async () => {
  const reference = '{ type: reference, collectionR: /things }';
  const { thing: model } = await thing(
    [
      `  one: ${reference}`,
      `  team: { type: List, items: ${reference} }`,
      `  rows: { type: List, items: { type: Object, fields: { who: ${reference} } } }`,
      '  texts: { type: List, items: String }',
    ].join('\n'),
  );
  const before = { one: '/things/1', team: ['/things/2', '/things/3'], texts: ['/things/5'] };
  const after = {
    one: '/things/3',
    team: ['/things/4', '/things/2', '/things/1'],
    rows: [{ who: '/things/2' }, { who: '/things/5' }],
    texts: ['/things/6'],
  };
  const names = ['one', 'team', 'rows', 'texts', 'none'];
  expect(addedReferences(model, before, after, names)).toEqual([
    { path: 'team[0]', r: '/things/4' },
    { path: 'rows[1].who', r: '/things/5' },
  ]);
  expect(addedReferences(model, before, after, ['team'])).toEqual([
    { path: 'team[0]', r: '/things/4' },
    { path: 'team[2]', r: '/things/1' },
  ]);
  expect(countReferences(model, after, names)).toBe(6);
  expect(countReferences(model, after, ['texts', 'team'])).toBe(3);
});

test('[REF1] a reference is stored as it is printed, and only one to an object of the collection', async () => {
  const { thing: model } = await thing('  one: { type: reference, collectionR: /things }');
  const field = model.fields.get('one');
  if (field?.type !== 'reference') throw new Error('not a reference');
  const stored = (value: string) => storedReference(field, value);
  expect(stored('/things/1')).toBe('/things/1');
  expect(stored('/things/1/')).toBe('/things/1');
  expect(stored(`/things/${'x'.repeat(64)}`)).toBe(`/things/${'x'.repeat(64)}`);
  const none = ['/things', '/things/', '/things/*', '/things/1/parts/2', '/thing/1', '/things/a b'];
  for (const value of [...none, `/things/${'x'.repeat(65)}`, 'things/1', '/things/1\n']) {
    expect(stored(value)).toBeUndefined();
  }
});
