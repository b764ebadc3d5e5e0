import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deepEqual } from './deep-equal.js';
import { jsonValue } from './json.fixture.js';
import { JsonSet } from './json-set.js';

describe('equality', () => {
  test('[UPD8] compares at any depth', () => {
    fc.assert(
      fc.property(jsonValue, jsonValue, (a, b) => {
        expect(deepEqual(a, b)).toBe(isDeepStrictEqual(a, b));
        expect(deepEqual(a, structuredClone(a))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('[UPD8] ignores the order of members, but not their names', () => {
    expect(deepEqual({ a: 1, b: 2 }, { b: 2, a: 1 })).toBe(true);
    expect(deepEqual({ a: 1, b: 2 }, { a: 1, c: 2 })).toBe(false);
    expect(deepEqual({}, [])).toBe(false);
    expect(deepEqual(JSON.parse('{"__proto__":1}'), {})).toBe(false);
    expect(deepEqual(JSON.parse('{"constructor":1}'), JSON.parse('{"toString":1}'))).toBe(false);
  });

  test('[UPD8] there is one zero, and a number is no text', () => {
    expect(deepEqual(0, -0)).toBe(true);
    expect(deepEqual(1, '1')).toBe(false);
    expect(deepEqual(null, undefined)).toBe(false);
  });
});

describe('sets of JSON', () => {
  test('[UPD8] a set contains what equals one of its values', () => {
    fc.assert(
      fc.property(fc.array(jsonValue, { maxLength: 6 }), jsonValue, (values, wanted) => {
        const set = new JsonSet(values);
        expect(set.has(wanted)).toBe(values.some((value) => deepEqual(value, wanted)));
        set.delete(wanted);
        expect(set.has(wanted)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('[UPD8] a text that looks like a list is not the list, nor is an overflowing number null', () => {
    const set = new JsonSet(['[1]', '{"a":1}', [null], { a: -0 }]);
    expect(set.has([1])).toBe(false);
    expect(set.has({ a: 1 })).toBe(false);
    expect(set.has([Number.POSITIVE_INFINITY])).toBe(false);
    expect(set.has({ a: 0 })).toBe(true);
  });
});
