import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KeyStep, parseKey, topField } from './key.js';

describe('keys', () => {
  test.each<[string, KeyStep[]]>([
    ['tags', ['tags']],
    ['picture.xlarge', ['picture', 'xlarge']],
    ['picture[0]', ['picture', 0]],
    ['a[0][12].b-c.d e', ['a', 0, 12, 'b-c', 'd e']],
    ['größe.名', ['größe', '名']],
    ['0.1', ['0', '1']],
  ])('[UPD5] %s is a path', (key, steps) => {
    expect(parseKey(key)).toEqual(steps);
    expect(topField(key)).toBe(steps[0]);
  });

  test.each([
    '',
    '.',
    '.a',
    'a.',
    'a..b',
    '[0]',
    '[0].a',
    'a[',
    'a]',
    'a[]',
    'a[-1]',
    'a[01]',
    'a[1.5]',
    'a[x]',
    'a[0',
    'a[0]b',
    'a.[0]',
    'a[9999999999999999]',
    '__proto__',
    'a.__proto__',
    'a[0].__proto__.b',
  ])('[UPD5] %j is none', (key) => {
    expect(parseKey(key)).toBeUndefined();
  });

  test('[UPD5] a key is read alone as it is behind a step', () => {
    const part = fc.constantFrom('a', 'b', '.', '[', ']', '0', '12', '__proto__', '\n', 'é');
    const key = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        key.filter((text) => !text.startsWith('[')),
        (text) => {
          const steps = parseKey(text);
          expect(parseKey(`a.${text}`)).toEqual(steps && ['a', ...steps]);
        },
      ),
    );
  });

  test('[LIM8] a key has at most 256 characters and 16 steps', () => {
    expect(parseKey('k'.repeat(256))).toHaveLength(1);
    expect(parseKey('k'.repeat(257))).toBeUndefined();
    expect(parseKey(Array(16).fill('a').join('.'))).toHaveLength(16);
    expect(parseKey(Array(17).fill('a').join('.'))).toBeUndefined();
    expect(parseKey(`a${'[0]'.repeat(16)}`)).toBeUndefined();
    expect(parseKey('abc.d', { keyLength: 4, pathDepth: 2 })).toBeUndefined();
  });
});
