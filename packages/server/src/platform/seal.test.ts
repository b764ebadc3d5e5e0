import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSealOf, SealKey, sealOf } from './seal.js';

test('[LIM16] a seal is the HMAC-SHA-256 of the text, whatever its length, one after the other', () => {
  const key = Buffer.from('a key of some bytes, which is not a whole block');
  const sealKey = new SealKey(key);
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary', minLength: 150, maxLength: 600 }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(sealKey.digest(text)).toBe(createHmac('sha256', key).update(text).digest('base64url'));
    }),
  );
});

test('[LIM16] a seal fits its text, its key and its length, and nothing else', () => {
  const kind = { key: SealKey.derive('the secret', 'tests'), length: 16 };
  const seal = sealOf('a text', kind);
  expect(isSealOf('a text', kind, seal)).toBe(true);
  expect(isSealOf('another text', kind, seal)).toBe(false);
  expect(isSealOf('a text', kind, seal.slice(1))).toBe(false);
  for (const key of [SealKey.derive('the secret', 'others'), SealKey.derive('another', 'tests')]) {
    expect(isSealOf('a text', { key, length: 16 }, seal)).toBe(false);
  }
});

test('a key that is longer than a block is refused', () => {
  expect(() => new SealKey('x'.repeat(65))).toThrow('longer than a block');
  const longest = 'x'.repeat(64);
  expect(new SealKey(longest).digest('t')).toBe(
    createHmac('sha256', longest).update('t').digest('base64url'),
  );
});
