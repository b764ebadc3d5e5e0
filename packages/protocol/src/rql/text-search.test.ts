import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldCase, textSearch } from './text-search.js';

test('[RQL7] finds what `includes` finds, also in long texts', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
  fc.assert(
    fc.property(text, text, (long, search) => {
      const has = textSearch(search);
      expect(has(long)).toBe(long.includes(search));
      // Long enough for the linear search.
      const padding = 'c'.repeat(2 ** 21);
      const expected = `${long}${padding}`.includes(search);
      if (search.length > 0) expect(has(`${long}${padding}`)).toBe(expected);
      expect(textSearch(`${search}c`)(`${long}${padding}`)).toBe(`${long}c`.includes(`${search}c`));
    }),
    { numRuns: 50 },
  );
});

test('[RQL7] the time does not grow with the product of the lengths', () => {
  const has = textSearch(`b${'a'.repeat(200_000)}`);
  const before = process.cpuUsage();
  expect(has('a'.repeat(1_000_000))).toBe(false);
  // CPU time, because the machine may be busy. The product is 2 × 10¹¹ comparisons.
  expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
});

test('[RQL8] folds as Unicode does', () => {
  for (const [one, other] of [
    ['Straße', 'STRASSE'],
    ['Straße', 'straẞe'],
    ['ΟΔΟΣ', 'οδος'],
    ['ΟΔΟΣ', 'οδοσ'],
    ['ﬁn', 'FIN'],
    ['K', 'k'],
    ['µ', 'Μ'],
    ['ſ', 'S'],
    ['𐐀', '𐐨'],
    ['İ', 'i\u0307'],
  ] as const) {
    expect(foldCase(one), one).toBe(foldCase(other));
  }
  expect(foldCase('ı')).toBe('ı');
  expect(foldCase('é')).not.toBe('e');
});

test('[RQL8] every letter that regular expressions fold is folded', () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const letter = String.fromCodePoint(code);
    if (!/\p{Changes_When_Casemapped}/u.test(letter)) continue;
    for (const other of [letter.toLowerCase(), letter.toUpperCase()]) {
      if (other.length !== letter.length) continue;
      if (!new RegExp(`^${letter}$`, 'iu').test(other)) continue;
      expect(foldCase(other), letter).toBe(foldCase(letter));
    }
  }
});

test('[RQL8] a text that is folded in parts is folded as a whole', () => {
  const text = fc.string({ unit: fc.constantFrom('Σ', 'ς', 'ı', 'İ', 'ß', 'A', ' ', '😀') });
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(foldCase(one + other)).toBe(foldCase(one) + foldCase(other));
    }),
  );
});
