import { expect, test } from 'vitest';
import { parseOneTimeToken } from './email/one-time-token.js';
import { isOfLogin } from './identity.js';

const older = '0123456789abcdef0123456789abcdef';
const newer = '1588437862219776000';
const data = { email: 'amal@example.com', emailVerified: true };

test('[PWD1] accounts whose uid is not the id of their object stay accounts', () => {
  const token = (uid: string, _r: string) => isOfLogin({ uid, _r, data, authType: 'password' });
  expect(token(older, '/users/7')).toBe(true);
  expect(token(newer, `/users/${newer}`)).toBe(true);
  expect(token(newer, '/users/7')).toBe(false);
  expect(token('amal', '/users/amal')).toBe(false);
});

test('[MAIL1] [MAIL2] tokens from emails to either kind of account are read', () => {
  const secret = 'a'.repeat(32);
  for (const uid of [older, newer]) expect(parseOneTimeToken(`${uid}.${secret}`)?.uid).toBe(uid);
  expect(parseOneTimeToken(`amal.${secret}`)).toBeUndefined();
});
