import { expect, test } from 'vitest';
import { thing } from '../models.fixture.js';
import { newReferences } from './references.js';

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
  expect(newReferences(model, data, 'all')).toEqual([
    { path: 'one', r: '/things/1' },
    { path: 'house.owner', r: '/things/2' },
    { path: 'team[0]', r: '/things/3' },
    { path: 'team[1]', r: '/things/3' },
    { path: 'teams[1][0].who', r: '/things/4' },
  ]);
  expect(newReferences(model, data, ['house', 'text'])).toEqual([
    { path: 'house.owner', r: '/things/2' },
  ]);
  expect(newReferences(model, {}, 'all')).toEqual([]);
});
