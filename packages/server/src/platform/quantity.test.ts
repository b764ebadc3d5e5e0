import { expect, test } from 'vitest';
import { quantity } from './quantity.js';

test('a number and what it counts: the noun is singular for one only', () => {
  const shown = [0, 1, 2, 1200].map((count) => quantity(count, 'object'));
  expect(shown).toEqual(['0 objects', '1 object', '2 objects', '1,200 objects']);
});
