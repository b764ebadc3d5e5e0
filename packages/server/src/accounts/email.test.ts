import { expect, test } from 'vitest';
import { parseEmail } from './email.js';
import { passwordProblem } from './password.js';

test('[PWD3] addresses are the same without case, in any spelling of Unicode', () => {
  const same = [
    ['amal@example.com', 'AMAL@Example.COM', '  amal@example.com\n'],
    ['jos\u00e9@example.com', 'jose\u0301@example.com', 'JOSE\u0301@EXAMPLE.COM'],
    ['σίσυφος@example.com', 'ΣΊΣΥΦΟΣ@EXAMPLE.COM'],
    ['kelvin@example.com', '\u212aelvin@example.com'],
  ];
  const ids = same.map((spellings) => new Set(spellings.map((one) => parseEmail(one)?.id)));
  expect(ids.map((one) => one.size)).toEqual([1, 1, 1, 1]);
  expect(new Set(ids.flatMap((one) => [...one])).size).toBe(4);
  const other = [
    'admin@example.com',
    'adm\u0131n@example.com',
    'stra\u00dfe@x.com',
    'strasse@x.com',
  ];
  expect(new Set(other.map((one) => parseEmail(one)?.id)).size).toBe(4);
});

test('[PWD3] an address has one @ and nothing that would have to be quoted', () => {
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
  // Characters, not UTF-16 units, and not the marks of which they are composed.
  expect(passwordProblem('🐎🐎🐎🐎')).toBe('password.too.short');
  expect(passwordProblem('e\u0301'.repeat(4))).toBe('password.too.short');
  expect(passwordProblem('🐎'.repeat(8))).toBeUndefined();
  expect(passwordProblem('a'.repeat(1024))).toBeUndefined();
  expect(passwordProblem('a'.repeat(1025))).toBe('password.too.long');
  expect(passwordProblem('é'.repeat(513))).toBe('password.too.long');
  expect(passwordProblem('1234567\ud800')).toBe('type.invalid');
});
