import { expect, test } from 'vitest';
import { revocationsInMemory } from '../auth/revocations.test.kit.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { LiveTokens } from './live-tokens.js';

function setUp() {
  const revocations = revocationsInMemory(simulatedPlatform({ seed: 1 }).clock);
  const liveTokens = new LiveTokens(revocations);
  const ended: string[] = [];
  const holder = (name: string) => ({ revoked: () => void ended.push(name) });
  const token = (uid: string, key: string) => ({ uid, key, issuedAt: 0 });
  return { revocations, liveTokens, ended, holder, token };
}

test('[SES10] what lives on a token ends with it, once, and nothing else does', async () => {
  const { revocations, liveTokens, ended, holder, token } = setUp();
  for (const name of ['a', 'b']) liveTokens.hold(holder(name), token('u', 'j1'));
  liveTokens.hold(holder('c'), token('u', 'j2'));
  liveTokens.hold(holder('d'), token('v', 'j1'));
  await revocations.revokeToken(token('u', 'j1'), undefined);
  expect(ended).toEqual(['a', 'b']);
  await revocations.revokeUid('u');
  expect(ended).toEqual(['a', 'b', 'c']);
  expect(liveTokens.size).toBe(1);
});

test('[SES10] a token that was renewed in time does not end with the old one', async () => {
  const { revocations, liveTokens, ended, holder, token } = setUp();
  const session = holder('session');
  liveTokens.hold(session, token('u', 'j1'));
  liveTokens.hold(session, token('u', 'j2'));
  await revocations.revokeToken(token('u', 'j1'), undefined);
  expect(ended).toEqual([]);
  await revocations.revokeToken(token('u', 'j2'), undefined);
  expect(ended).toEqual(['session']);
});

test('[SES10] what was released is not told, and nothing is held on a revoked token', async () => {
  const { revocations, liveTokens, ended, holder, token } = setUp();
  const session = holder('session');
  liveTokens.hold(session, token('u', 'j1'));
  expect(liveTokens.release(session)).toEqual(token('u', 'j1'));
  expect(liveTokens.release(session)).toBeUndefined();
  await revocations.revokeUid('u');
  expect(ended).toEqual([]);
  expect(liveTokens.hold(session, token('u', 'j1'))).toBe(false);
  expect(liveTokens.size).toBe(0);
});
