import { expect, test } from 'vitest';
import { accountRecord, readAccount } from './account.js';

const stored = {
  uid: 'u1',
  r: '/users/1',
  email: 'amal@example.com',
  emailVerified: false,
  password: 'a hash',
  passwordChanges: 0,
};
const token = { kind: 'reset', hash: 'h', expires: 1 } as const;

test('[DUR12] an account of version 0.1 keeps the tokens of its emails, under their name of now', () => {
  const account = readAccount({ ...stored, letterTokens: [token, { kind: 'other' }] });
  expect(account).toEqual({ ...stored, oneTimeTokens: [token] });
  expect(accountRecord(account)).toEqual({ ...stored, oneTimeTokens: [token] });
  expect(readAccount(accountRecord(account))).toEqual(account);
});

test('a record that is no account is refused', () => {
  expect(() => readAccount({ ...stored, oneTimeTokens: 'none' })).toThrow('damaged');
  expect(() => readAccount(stored)).toThrow('damaged');
});
