import { expect, test } from 'vitest';
import { systemPlatform } from '../../platform/system.js';
import { argon2Hasher } from './argon2-hasher.js';

const { random } = systemPlatform;
const bytes = (text: string) => Buffer.from(text);

test('[PWD7] hashes are argon2id with the current parameters, each with its own salt', async () => {
  const hasher = argon2Hasher({ memory: 64 * 1024, passes: 3, random });
  const made = await hasher.hash(bytes('correct horse'));
  expect(made).toMatch(/^\$argon2id\$v=19\$m=64,t=3,p=1\$/);
  expect(await hasher.hash(bytes('correct horse'))).not.toBe(made);
  expect(await hasher.verify(made, bytes('correct horse'))).toBe(true);
  expect(await hasher.verify(made, bytes('correct horsf'))).toBe(false);
  expect(hasher.isCurrent(made)).toBe(true);
  const later = argon2Hasher({ memory: 128 * 1024, passes: 3, random });
  expect(later.isCurrent(made)).toBe(false);
  expect(await later.verify(made, bytes('correct horse'))).toBe(true);
});

test('[PWD4] every byte of a password counts, NUL and what comes after it too', async () => {
  const hasher = argon2Hasher({ memory: 64 * 1024, passes: 1, random });
  const made = await hasher.hash(bytes('1234567\0a'));
  expect(await hasher.verify(made, bytes('1234567\0b'))).toBe(false);
  expect(await hasher.verify(made, bytes('1234567'))).toBe(false);
  expect(await hasher.verify(made, bytes('1234567\0a'))).toBe(true);
});

test('[PWD6] the dummy hash is a real one with the same parameters, which no password matches', async () => {
  const hasher = argon2Hasher({ memory: 64 * 1024, passes: 1, random });
  expect(hasher.isCurrent(hasher.dummyHash)).toBe(true);
  const made = await hasher.hash(bytes('x'));
  expect(hasher.dummyHash).toHaveLength(made.length);
  expect(await hasher.verify(hasher.dummyHash, bytes('x'))).toBe(false);
  expect(await hasher.verify('no hash', bytes('x'))).toBe(false);
});
