import { expect, test } from 'vitest';
import { revocationsInMemory } from '../../auth/revocations.fixture.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { ActiveTokens } from './active-tokens.js';

function setUp() {
  const revocations = revocationsInMemory(simulatedPlatform({ seed: 1 }).clock);
  const activeTokens = new ActiveTokens(revocations);
  const ended: string[] = [];
  const holder = (name: string) => ({ onRevoked: () => void ended.push(name) });
  const token = (uid: string, key: string) => ({ uid, key, issuedAt: 0 });
  return { revocations, activeTokens, ended, holder, token };
}

test('[SES10] holders of a token end with it, once, and others do not', async () => {
  const { revocations, activeTokens, ended, holder, token } = setUp();
  for (const name of ['a', 'b']) activeTokens.track(holder(name), token('u', 'j1'));
  activeTokens.track(holder('c'), token('u', 'j2'));
  activeTokens.track(holder('d'), token('v', 'j1'));
  await revocations.revokeToken(token('u', 'j1'), undefined);
  expect(ended).toEqual(['a', 'b']);
  await revocations.revokeUid('u');
  expect(ended).toEqual(['a', 'b', 'c']);
  expect(activeTokens.size).toBe(1);
});

test('[SES10] a holder that renewed its token does not end with the old one', async () => {
  const { revocations, activeTokens, ended, holder, token } = setUp();
  const session = holder('session');
  activeTokens.track(session, token('u', 'j1'));
  activeTokens.track(session, token('u', 'j2'));
  await revocations.revokeToken(token('u', 'j1'), undefined);
  expect(ended).toEqual([]);
  await revocations.revokeToken(token('u', 'j2'), undefined);
  expect(ended).toEqual(['session']);
});

test('[SES10] an untracked holder is not called, and a revoked token is not tracked', async () => {
  const { revocations, activeTokens, ended, holder, token } = setUp();
  const session = holder('session');
  activeTokens.track(session, token('u', 'j1'));
  expect(activeTokens.untrack(session)).toEqual(token('u', 'j1'));
  expect(activeTokens.untrack(session)).toBeUndefined();
  await revocations.revokeUid('u');
  expect(ended).toEqual([]);
  expect(activeTokens.track(session, token('u', 'j1'))).toBe(false);
  expect(activeTokens.size).toBe(0);
});
