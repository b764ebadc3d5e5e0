import { expect, test } from 'vitest';
import { passwordProblem } from '../passwords/password.js';
import { parseEmail } from './email.js';

test('[PWD3] addresses compare without case, in any spelling of Unicode', () => {
  const same = [
    ['amal@example.com', 'AMAL@Example.COM', '  amal@example.com\n'],
    ['jos\u00e9@example.com', 'jose\u0301@example.com', 'JOSE\u0301@EXAMPLE.COM'],
    ['σίσυφος@example.com', 'ΣΊΣΥΦΟΣ@EXAMPLE.COM'],
    ['kelvin@example.com', '\u212aelvin@example.com'],
    [
      'amal@example.net',
      'amal@example.net.',
      '\uff41\uff4d\uff41\uff4c@\uff25xample.net',
      'amal\uff20example.net',
    ],
    ['amal@stra\u00dfe.example', 'AMAL@STRA\u1e9eE.example', 'amal@xn--strae-oqa.example'],
    ['amal@b\u00fccher.example', 'amal@BU\u0308CHER.example', 'amal@xn--bcher-kva.EXAMPLE.'],
    [
      '\u7528\u6237@\u4f8b\u5b50.\u4e2d\u56fd',
      '\u7528\u6237@\u4f8b\u5b50\u3002\u4e2d\u56fd',
      '\u7528\u6237@xn--fsqu00a.xn--fiqs8s',
    ],
    ['of\ufb01ce@example.com', 'office@example.com'],
    ['amal@b.c%d', 'AMAL@B.C%D'],
  ];
  const ids = same.map((spellings) => new Set(spellings.map((text) => parseEmail(text)?.id)));
  expect(ids.map((found) => found.size)).toEqual(same.map(() => 1));
  expect(new Set(ids.flatMap((found) => [...found])).size).toBe(same.length);
  const other = [
    'admin@example.com',
    'adm\u0131n@example.com',
    'stra\u00dfe@x.com',
    'strasse@x.com',
    'amal@strasse.example',
    'amal@stra\u00dfe.example',
    'amal@adm\u0131n.example',
    'amal@admin.example',
  ];
  expect(new Set(other.map((text) => parseEmail(text)?.id)).size).toBe(other.length);
});

test('[PWD3] rules see the canonical spelling, and emails go to the address as given', () => {
  const seen = (given: string) => {
    const { text, canonical } = parseEmail(given) ?? {};
    return [text, canonical];
  };
  expect(seen(' Amal+x@Example.COM. ')).toEqual(['Amal+x@Example.COM', 'amal+x@example.com']);
  expect(seen('Amal@B\u00fccher.example')).toEqual([
    'Amal@B\u00fccher.example',
    'amal@xn--bcher-kva.example',
  ]);
  // Apart from case, a verified mailbox is the very one that rules see.
  expect(seen('\uff21mal@example.com')).toEqual(['Amal@example.com', 'amal@example.com']);
});

test('[PWD3] an address has one @ and no character that needs quoting', () => {
  const none = [
    '',
    '@',
    'a@',
    '@b',
    'a b@c',
    'a@b@c',
    'a@b\r\nBcc: c@d',
    'a\0@b',
    'a@b\ud800',
    'a<b@c>',
    'a,b@c',
    '"a"@b',
    'a@.',
    'a\uff1cb@c',
    '\ufdfa@c',
    `${'a'.repeat(250)}@b.cd`,
  ];
  for (const given of none) expect(parseEmail(given), JSON.stringify(given)).toBeUndefined();
  for (const given of ['a@b', "o'hara+tag@example.co.uk", '用户@例子.中国']) {
    expect(parseEmail(given)?.text).toBe(given);
  }
});

test('[PWD4] a password has 8 characters or more, and 1,024 bytes at most', () => {
  expect(passwordProblem('1234567')).toBe('password.too.short');
  expect(passwordProblem('12345678')).toBeUndefined();
  // Counts characters, not UTF-16 units, nor the marks of which they are composed.
  expect(passwordProblem('🐎🐎🐎🐎')).toBe('password.too.short');
  expect(passwordProblem('e\u0301'.repeat(4))).toBe('password.too.short');
  expect(passwordProblem('🐎'.repeat(8))).toBeUndefined();
  expect(passwordProblem('a'.repeat(1024))).toBeUndefined();
  expect(passwordProblem('a'.repeat(1025))).toBe('password.too.long');
  expect(passwordProblem('é'.repeat(513))).toBe('password.too.long');
  expect(passwordProblem('1234567\ud800')).toBe('type.invalid');
});
