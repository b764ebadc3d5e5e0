import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonValue } from './json/json.fixture.js';
import { compareInOrder, compareObjects, sortKeysOf, sortPositionIn } from './sort.js';

const objects = fc.array(
  fc.record({
    r: fc.constantFrom('/a/1', '/a/2', '/b/1/a/1', '/b/2/a/1'),
    rev: fc.integer({ min: 1, max: 2 }),
    data: fc.dictionary(fc.constantFrom('x', 'y'), fc.oneof(fc.constantFrom(1, 2, 'a'), jsonValue)),
  }),
  { maxLength: 8 },
);
const keys = fc.uniqueArray(
  fc.record({ field: fc.constantFrom('x', 'y', '_rev', '_r'), descending: fc.boolean() }),
  { selector: ({ field }) => field, minLength: 1, maxLength: 4 },
);

test('[REA13] the texts of keys', () => {
  const expected = [
    { field: 'priority', descending: true },
    { field: 'place.row', descending: false },
  ];
  expect(sortKeysOf('-priority, place.row')).toEqual(expected);
  expect(sortKeysOf(['-priority', 'place.row'])).toEqual(expected);
});

test('[REA4] [REA13] by several keys: as by the last, then stably by the one before, and so on', () => {
  fc.assert(
    fc.property(objects, keys, (given, order) => {
      const byAll = given.toSorted((a, b) =>
        compareInOrder(order, sortPositionIn(order, a), sortPositionIn(order, b)),
      );
      const ids = { field: '_r', descending: order.at(-1)?.descending === true };
      const end = order.findIndex(({ field }) => field === '_r');
      const steps = end < 0 ? [...order, ids] : order.slice(0, end + 1);
      const oneByOne = steps.toReversed().reduce((sorted, key) => {
        const place = (object: (typeof given)[number]) => {
          const position = sortPositionIn([key], object);
          // Only `_r` compares addresses here.
          return key.field === '_r' ? position : { ...position, r: '' };
        };
        return sorted.toSorted((a, b) => compareInOrder([key], place(a), place(b)));
      }, given);
      expect(byAll).toEqual(oneByOne);
    }),
  );
});

test('[REA4] [REA13] objects as they are sent have the order of their positions', () => {
  fc.assert(
    fc.property(objects, keys, (given, order) => {
      for (const a of given) {
        for (const b of given) {
          const [left, right] = [a, b].map(({ r, rev, data }) => ({ ...data, _r: r, _rev: rev }));
          expect(compareObjects(order, left as never, right as never)).toBe(
            compareInOrder(order, sortPositionIn(order, a), sortPositionIn(order, b)),
          );
        }
      }
    }),
  );
});

test('[REA4] missing values are last in either direction', () => {
  for (const descending of [false, true]) {
    const order = [{ field: 'x', descending }];
    const place = (r: string, data: { x?: number | null }) =>
      sortPositionIn(order, { r, rev: 1, data });
    for (const missing of [place('/a/1', {}), place('/a/1', { x: null })]) {
      expect(compareInOrder(order, missing, place('/a/2', { x: 0 }))).toBeGreaterThan(0);
    }
  }
});
