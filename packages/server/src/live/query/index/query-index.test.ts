import {
  compareText,
  compilePredicate,
  type JsonObject,
  type RqlExpression,
} from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Interval, IntervalTree } from './interval-tree.js';
import { QueryIndex } from './query-index.js';

const number = fc.oneof(
  fc.integer({ min: -3, max: 6 }),
  fc.constantFrom(0.5, -0, 1e300, 2 ** 53, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const text = fc.oneof(
  fc.string({
    maxLength: 3,
    unit: fc.constantFrom('a', 'b', '\ud7ff', '\ue000', '\uffff', '\u{1f600}', '\u{10ffff}'),
  }),
  // Lone surrogates, too.
  fc.string({ maxLength: 3, unit: fc.constantFrom('a', '\ud83d', '\ude00', '\udbff', '\udfff') }),
);
const scalar = fc.oneof(number, text, fc.boolean(), fc.constant(null));
const steps = [...'abcdefghijklmnopqrst'];
/** Sometimes so many that they are found by the steps of their paths. */
const field = fc.oneof(
  fc.constantFrom(['n'], ['s'], ['doc', 'x'], ['doc']),
  fc.constantFrom(...steps).map((step) => ['doc', step]),
  fc.constantFrom(...steps).map((step) => ['doc', 'x', step]),
);
const end = fc.oneof({ weight: 4, arbitrary: fc.oneof(number, text) }, fc.constant(null));

const comparison = fc
  .oneof(
    fc.record({ operator: fc.constantFrom('=', '!=', 'contains'), value: scalar }),
    fc.record({ operator: fc.constantFrom('<', '<=', '>', '>='), value: end }),
    fc.record({ operator: fc.constant('in'), value: fc.array(scalar, { maxLength: 3 }) }),
    fc.record({
      operator: fc.constant('between'),
      value: fc.oneof(
        fc.tuple(number, number),
        fc.tuple(text, text),
        fc.array(end, { maxLength: 2 }),
      ),
    }),
    fc.record({ operator: fc.constant('starts with'), value: fc.oneof(text, number) }),
  )
  .chain((rest) =>
    field.map((path) => ({ kind: 'comparison', field: path, ...rest })),
  ) as fc.Arbitrary<RqlExpression>;

const { filter } = fc.letrec<{ filter: RqlExpression }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
    comparison,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      left: tie('filter'),
      right: tie('filter'),
    }),
    fc.record({ kind: fc.constant('not' as const), operand: tie('filter') }),
  ),
}));

const data = fc.record(
  {
    n: scalar,
    s: scalar,
    doc: fc.oneof(
      fc.record({ x: scalar }),
      fc.dictionary(fc.constantFrom(...steps), fc.oneof(scalar, fc.record({ a: scalar }))),
      fc.record({ x: fc.dictionary(fc.constantFrom(...steps), scalar) }),
      scalar,
      fc.array(number),
    ),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

test('[QRY5] every matching filter is found after any additions and deletions, and deleted ones leave nothing', () => {
  const entries = fc.array(
    fc.tuple(
      fc.array(fc.option(filter, { nil: undefined }), { minLength: 1, maxLength: 2 }),
      fc.boolean(),
    ),
    { maxLength: 60, size: 'max' },
  );
  fc.assert(
    fc.property(entries, fc.array(data, { maxLength: 8 }), (all, objects) => {
      const index = new QueryIndex<number>();
      for (const [at, [filters]] of all.entries()) index.add(at, filters);
      for (const [at, [filters, stays]] of all.entries()) if (!stays) index.delete(at, filters);
      for (const object of objects) {
        const found = [...index.candidates(object)];
        for (const [at, [filters, stays]] of all.entries()) {
          const isMatch = filters.every((item) => !item || compilePredicate(item)(object));
          if (stays && isMatch) expect(found).toContain(at);
          if (!stays) expect(found).not.toContain(at);
        }
      }
      for (const [at, [filters, stays]] of all.entries()) if (stays) index.delete(at, filters);
      expect(index.isEmpty).toBe(true);
    }),
    { numRuns: 500 },
  );
});

const compareNumbers = (a: number, b: number) => a - b;

function contains<V>(
  value: V,
  { low, high }: Interval<V>,
  compare: (a: V, b: V) => number,
): boolean {
  const isBelow = low !== undefined && compare(value, low) < 0;
  const isAbove = high !== undefined && compare(value, high) > 0;
  return !isBelow && !isAbove;
}

/** Compares the tree with a linear search after random insertions and deletions. */
function checkTree<V>(value: fc.Arbitrary<V>, compare: (a: V, b: V) => number): void {
  const bound = fc.option(value, { nil: undefined });
  const range = fc.record({ low: bound, high: bound });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(range, fc.nat(2)), { maxLength: 60 }),
      fc.array(value),
      (all, values) => {
        const ranges = new IntervalTree<number, V>(compare);
        const there = new Map<number, Interval<V>>();
        for (const [at, [item, kind]] of all.entries()) {
          const [oldest] = there;
          if (kind === 0 && oldest) {
            ranges.delete(...oldest);
            there.delete(oldest[0]);
          } else {
            ranges.add(at, item);
            there.set(at, item);
          }
        }
        for (const item of values) {
          const found = new Set<number>();
          ranges.find(item, found);
          const expected = [...there].filter(([, range]) => contains(item, range, compare));
          expect([...found].sort(compareNumbers)).toEqual(expected.map(([at]) => at));
        }
        for (const [at, item] of there) ranges.delete(at, item);
        expect(ranges.isEmpty).toBe(true);
      },
    ),
    { numRuns: 400 },
  );
}

test('finds the same ranges of numbers as a linear search', () =>
  checkTree(fc.integer({ min: 0, max: 12 }), compareNumbers));

test('finds the same ranges of texts as a linear search', () => checkTree(text, compareText));

test('[QRY5] the ranges of a value are found without visiting all others', () => {
  let compared = 0;
  const ranges = new IntervalTree<number, number>((a, b) => {
    compared += 1;
    return a - b;
  });
  const count = 100_000;
  for (let at = 0; at < count; at++) ranges.add(at, { low: at * 10, high: at * 10 + 5 });
  const costs = [3, 500_003, 999_993, 250_007].map((value) => {
    compared = 0;
    ranges.find(value, new Set());
    return compared;
  });
  expect(Math.max(...costs)).toBeLessThan(400);
  compared = 0;
  for (let at = 0; at < 1000; at++) ranges.delete(at * 97, { low: at * 970, high: at * 970 + 5 });
  expect(compared / 1000).toBeLessThan(400);
});

test('[QRY5] filters for a value or a prefix are candidates only for matching values', () => {
  const index = new QueryIndex<string>();
  const add = (name: string, operator: '=' | 'starts with' | '>', value: string | number) => {
    const own: RqlExpression = { kind: 'comparison', field: ['s'], operator, value };
    index.add(name, [own, undefined]);
  };
  add('exact', '=', 'beta');
  add('start', 'starts with', 'be');
  add('behind', '>', 'c');
  add('number', '>', 3);
  expect([...index.candidates({ s: 'beta' })].sort()).toEqual(['exact', 'start']);
  expect([...index.candidates({ s: 'bg' })]).toEqual([]);
  expect([...index.candidates({ s: 'd' })]).toEqual(['behind']);
  expect([...index.candidates({ s: 4 })]).toEqual(['number']);
});

test('[LIM17] filters without terms are not copied for a change, and none is found twice', () => {
  const index = new QueryIndex<string>();
  for (const name of ['a', 'b', 'c']) index.add(name, [undefined]);
  const found = index.candidates({ s: 'beta' }, ['b']);
  index.delete('c', [undefined]);
  expect([...found]).toEqual(['b', 'a']);
});

test('[LIM17] of very many paths only those are looked at whose beginnings the object has', () => {
  const index = new QueryIndex<string>();
  const count = 10_000;
  for (let n = 0; n < count; n++) {
    const own: RqlExpression = {
      kind: 'comparison',
      field: ['doc', `x${n}`],
      operator: '=',
      value: 1,
    };
    index.add(`q${n}`, [own]);
  }
  expect([...index.candidates({ doc: { x7: 1, x8: 2, y: 1 } })]).toEqual(['q7']);
  expect([...index.candidates({ other: 1 })]).toEqual([]);
  const all = Object.fromEntries(Array.from({ length: count }, (_, n) => [`x${n}`, n % 2]));
  const steps = [...index.candidates({ doc: all })];
  // Each step is work that others may interrupt.
  expect(steps.filter((found) => found === undefined).length).toBeGreaterThan(count / 64);
  expect(steps.filter((found) => found !== undefined)).toHaveLength(count / 2);
});
