import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instantText } from './instant-text.js';

test('the text of a time is that of a Date, whatever was asked before', () => {
  const time = fc.oneof(
    fc.constantFrom(0, 1, -1, 999, 1000, 8.64e15, -8.64e15),
    // Some within one second.
    fc.integer({ min: -1500, max: 1500 }),
    fc.integer({ min: -1e12, max: 4e12 }),
  );
  fc.assert(
    fc.property(fc.array(time), (times) => {
      const asked = times.flatMap((each) => [each, each]);
      expect(asked.map(instantText)).toEqual(asked.map((each) => new Date(each).toISOString()));
    }),
  );
});

test('a time that no Date can hold is refused, also a second time', () => {
  expect(() => instantText(Number.NaN)).toThrow(RangeError);
  expect(() => instantText(9e15)).toThrow(RangeError);
  expect(() => instantText(9e15)).toThrow(RangeError);
});
