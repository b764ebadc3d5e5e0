import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deepEqual } from '../json/deep-equal.js';
import type { JsonValue } from '../json/json.js';
import { compareForSort, compareText } from './compare.js';

/** Any sequence of UTF-16 units, including lone surrogates. */
const text = fc
  .array(
    fc.constantFrom(0x41, 0xd7ff, 0xd800, 0xd83d, 0xdbff, 0xdc00, 0xde00, 0xdfff, 0xe000, 0xffff),
  )
  .map((units) => String.fromCharCode(...units));

const codePoints = (value: string) => Array.from(value, (letter) => letter.codePointAt(0) ?? 0);

function compareLists(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, at) => value !== b[at]);
  if (index < 0 || index >= b.length) return a.length - b.length;
  return (a[index] ?? 0) - (b[index] ?? 0);
}

describe('the order of a sorted read', () => {
  test('[REA4] texts compare by code point', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareText(a, b))).toBe(
          Math.sign(compareLists(codePoints(a), codePoints(b))),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test('[REA4] numbers come before texts, then false, true, lists and objects, and missing values last', () => {
    const sorted: (JsonValue | undefined)[] = [
      -1,
      0.5,
      20,
      '',
      '10',
      '9',
      false,
      true,
      [1],
      [2],
      {},
      undefined,
    ];
    expect([...sorted].reverse().sort(compareForSort)).toEqual(sorted);
  });

  test('two values tie only where they are deeply equal', () => {
    const value = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(compareForSort(a, b) === 0).toBe(deepEqual(a, b));
        expect(Math.sign(compareForSort(a, b))).toBe(-Math.sign(compareForSort(b, a)) + 0);
      }),
      { numRuns: 2000 },
    );
  });
});
