import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonValue } from './json.fixture.js';
import type { JsonObject, JsonValue } from './json.js';
import { holdsRounded, inexactIn, infiniteIn, isRounded, parseJson } from './json-text.js';

const read = (text: string) => parseJson(text) as JsonObject;

describe('[NUM2] a number that is whole only by rounding', () => {
  test.each([
    '9007199254740990.9',
    '-9007199254740990.9',
    '4503599627370497.5',
    '0.99999999999999999999',
    '1.00000000000000000001',
    '123456789012.99999999',
    '1e-400',
    '-5E-999999999999999999999',
    '90071992547409909e-1',
    '90071992547409909.0e-1',
    `0.${'0'.repeat(400)}1`,
    '9007199254740993',
    '-9007199254740993',
    '9223372036854775807',
    '1234567890123456789e3',
    '900719925474099.3e1',
    '9007199254740993.0',
    '99999999999999991611393',
  ])('%s is remembered', (source) => {
    for (const text of [`{"a":${source}}`, `{ "x" : "1.0001" , "a" : ${source} }`]) {
      const value = read(text);
      expect(value).toEqual(JSON.parse(text));
      expect(Number.isInteger(value.a)).toBe(true);
      expect(isRounded(value, 'a')).toBe(true);
      expect(isRounded(value, 'x')).toBe(false);
    }
    const nested = read(`{"a":{"b":[1,${source}]},"c":{}}`);
    const { b = [] } = nested.a as { b?: number[] };
    expect([nested, nested.a, b].map(holdsRounded)).toEqual([true, true, true]);
    expect([isRounded(b, 0), isRounded(b, 1)]).toEqual([false, true]);
    expect([holdsRounded(nested.c), isRounded(nested, 'a')]).toEqual([false, false]);
  });

  test.each([
    ...[
      '9007199254740991',
      '9007199254740990.0',
      '9007199254740990.000000e0',
      '1e3',
      '1.5e1',
      '-0.0',
    ],
    ...[
      '0.1234567890123456789',
      '52.520006599999999',
      '1e400',
      '10e-1',
      '1000000000000000000000e-21',
    ],
    ...[
      '0e-400',
      '5e-324',
      '4503599627370495.5',
      '0.3333333333333333333333',
      '9007199254740992',
      '-9223372036854775808',
      '1e23',
      '99999999999999991611392',
      '1.7976931348623157e308',
      '100000000000000000e-2',
    ],
  ])('%s is not', (source) => {
    const value = read(`{"a":${source}}`);
    expect(value).toEqual(JSON.parse(`{"a":${source}}`));
    expect(holdsRounded(value)).toBe(false);
  });

  test('in texts full of digits exactly the rounded whole numbers are found, and nothing else changes', () => {
    const digits = fc.stringMatching(/^[09]{0,20}[0-9]$/);
    const number = fc
      .tuple(digits, fc.option(digits), fc.option(fc.integer({ min: -340, max: 20 })))
      .map(([whole, fraction, exponent]) => {
        const head = whole.replace(/^0+(?=\d)/, '');
        return `${head}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`;
      });
    fc.assert(
      fc.property(number, (source) => {
        const value = read(`[${source}]`) as unknown as number[];
        const [parsed = Number.NaN] = value;
        expect(parsed).toBe(Number(source));
        expect(isRounded(value, 0)).toBe(Number.isInteger(parsed) && !isWritten(parsed, source));
      }),
      { numRuns: 3000 },
    );
  });

  test('a text without such a number is parsed as always', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(() => parseJson('{"a":9007199254740990.9')).toThrow(SyntaxError);
  });

  test('the time for a text of digits is linear in its length', () => {
    const long = `"${',1234567890123456'.repeat(30_000)}${'1'.repeat(500_000)}"`;
    const zeros = '0'.repeat(200_000);
    const before = performance.now();
    expect(parseJson(long)).toHaveLength(long.length - 2);
    for (const source of [`0.${zeros}1`, `1.${zeros}1`, `1${zeros}1e-200500`, `1.${zeros}e0`]) {
      expect(parseJson(`[${source}]`)).toEqual([Number(source)]);
    }
    expect(performance.now() - before).toBeLessThan(10_000);
  });
});

/** The oracle, with exact numbers: whether a whole number is as written, or is printed so. */
function isWritten(parsed: number, source: string): boolean {
  const written = exactly(source);
  return written === exactly(String(BigInt(parsed))) || written === exactly(String(parsed));
}

/** A decimal number times 10^400. */
function exactly(source: string): bigint {
  const [mantissa = '', exponent = '0'] = source.split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
}

describe('[NUM1] numbers that overflow', () => {
  test.each<[JsonValue, string | undefined, string | undefined]>([
    [1e300, undefined, ''],
    [Number.POSITIVE_INFINITY, '', ''],
    [{ a: [0, { b: 2 ** 53 }] }, undefined, '.a[1].b'],
    [{ a: 1, b: [Number.NEGATIVE_INFINITY] }, '.b[0]', '.b[0]'],
    [[2 ** 53 - 1, 0.1, -0, 'Infinity', null], undefined, undefined],
  ])('%j', (value, infinite, inexact) => {
    expect(infiniteIn(value)).toBe(infinite);
    expect(inexactIn(value)).toBe(inexact);
  });
});

test('[NUM2] [LIM27] a number is found anywhere, under any name, and of duplicate names the last counts', () => {
  const deep = `${'['.repeat(60)}9007199254740993${']'.repeat(60)}`;
  expect(holdsRounded(parseJson(deep))).toBe(true);
  const odd = read('{"\\"\\\\":[{"__proto__":{"k":9007199254740993}}],"k\\u0041":1e-400}');
  expect(odd).toEqual(JSON.parse('{"\\"\\\\":[{"__proto__":{"k":9007199254740993}}],"kA":0}'));
  expect(isRounded(odd, 'kA')).toBe(true);
  const [inner = {}] = odd['"\\'] as JsonObject[];
  expect(isRounded(Object.values(inner)[0] as JsonObject, 'k')).toBe(true);
  const twice = read('{"a":[9007199254740993],"a":[1],"b":9007199254740993,"b":{"c":1}}');
  expect([holdsRounded(twice), holdsRounded(twice.a)]).toEqual([false, false]);
});
