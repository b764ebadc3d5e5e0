import { expect, test } from 'vitest';
import { operandsOf } from './operands.js';
import { parseRql } from './parse.js';

test('[LIM12] each use of a value counts, with its elements and texts', () => {
  const values = { a: [1, 2, 'three'], b: { c: null }, unused: 'x'.repeat(1000) };
  const cost = (filter: string) => operandsOf(parseRql(filter), values);
  expect(cost('x = 1')).toBe(32);
  expect(cost("x = 'abc'")).toBe(35);
  expect(cost('x in $a')).toBe(3 * 32 + 37);
  expect(cost('x in $a or not y in $a')).toBe(2 * (3 * 32 + 37));
  expect(cost('x = $b and y = $missing')).toBe(32 + 1 + 32);
});
