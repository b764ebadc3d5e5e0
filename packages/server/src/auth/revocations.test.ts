import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../platform/simulated.js';
import { MemoryRecords } from './revocations.fixture.js';
import { type Revocation, Revocations, revocationOf } from './revocations.js';
import type { TokenIdentity } from './token-identity.js';
import { Tokens } from './tokens.js';

const secret = 'a secret of at least thirty-two characters';
const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function setUp() {
  const platform = simulatedPlatform({ seed: 1, now });
  const records = new MemoryRecords();
  const revocations = new Revocations({ records, clock: platform.clock });
  const tokens = new Tokens({ secret, platform, revocations });
  const received: Revocation[] = [];
  revocations.listen((revocation) => received.push(revocation));
  return { platform, records, revocations, tokens, received };
}

/** Another node, with the same records. */
function reload({ records, platform }: ReturnType<typeof setUp>): Revocations {
  const revocations = new Revocations({ records, clock: platform.clock });
  for (const held of records.held.values()) {
    const revocation = revocationOf(held);
    if (revocation) revocations.apply(revocation);
  }
  return revocations;
}

async function identityOf(tokens: Tokens, token: string): Promise<TokenIdentity> {
  const verified = await tokens.verify(token);
  if (!verified.ok) throw new Error(verified.detail);
  return verified.token;
}

const detailOf = async (tokens: Tokens, token: string) => {
  const verified = await tokens.verify(token);
  return verified.ok ? 'good' : verified.detail;
};

describe('one token', () => {
  test('[AUT5] it is refused, and other tokens of its uid are not', async () => {
    const world = setUp();
    const { tokens, revocations } = world;
    const [revoked, other] = [await tokens.mint({ uid: 'u' }), await tokens.mint({ uid: 'u' })];
    await revocations.revokeToken(await identityOf(tokens, revoked), undefined);
    expect(await detailOf(tokens, revoked)).toBe('token.revoked');
    expect(await detailOf(tokens, other)).toBe('good');
    const elsewhere = new Tokens({
      secret,
      platform: world.platform,
      revocations: reload(world),
    });
    expect(await detailOf(elsewhere, revoked)).toBe('token.revoked');
    expect(await detailOf(elsewhere, other)).toBe('good');
  });

  test('[AUT5] listeners are called when it is on disk; if that fails, the token stays valid', async () => {
    const { tokens, revocations, records, received } = setUp();
    const token = await tokens.mint({ uid: 'u' });
    const identity = await identityOf(tokens, token);
    records.fail = new Error('the disk is full');
    await expect(revocations.revokeToken(identity, undefined)).rejects.toThrow('full');
    expect(await detailOf(tokens, token)).toBe('good');
    expect(revocations.size).toBe(0);
    records.fail = undefined;
    let open = () => {};
    records.gate = new Promise((resolve) => {
      open = resolve;
    });
    const revoked = revocations.revokeToken(identity, undefined);
    expect(await detailOf(tokens, token)).toBe('token.revoked');
    expect(received).toEqual([]);
    open();
    await revoked;
    expect(received).toHaveLength(1);
  });

  test('[AUT7] the revocation is dropped once the token has expired', async () => {
    const { tokens, revocations, platform } = setUp();
    for (const life of [1000, 2000, undefined]) {
      const expires = life && now + life;
      const token = await tokens.mint({ uid: 'u', expires });
      await revocations.revokeToken(await identityOf(tokens, token), expires);
    }
    expect(revocations.revokedTokensOf('u')).toBe(3);
    platform.advance(1500);
    const gone = [...revocations.forget(platform.clock.now())].flat();
    expect(gone).toHaveLength(1);
    expect(gone[0]).toMatch(/^\/_revocations\/t[\w-]{43}$/);
    expect(revocations.revokedTokensOf('u')).toBe(2);
  });
});

describe('every token of a uid', () => {
  test('[AUT6] earlier tokens are refused, and one issued later in the same millisecond is valid', async () => {
    const world = setUp();
    const { tokens, revocations } = world;
    for (let round = 0; round < 3; round++) {
      const before = await tokens.mint({ uid: 'u' });
      const others = await tokens.mint({ uid: 'someone else' });
      await revocations.revokeUid('u');
      const after = await tokens.mint({ uid: 'u' });
      for (const known of [revocations, reload(world)]) {
        const verifier = new Tokens({ secret, platform: world.platform, revocations: known });
        expect(await detailOf(verifier, before)).toBe('token.revoked');
        expect(await detailOf(verifier, after)).toBe('good');
        expect(await detailOf(verifier, others)).toBe('good');
      }
    }
  });

  test('[AUT6] even if the clock stepped back in between', async () => {
    const { tokens, revocations, platform } = setUp();
    const before = await tokens.mint({ uid: 'u' });
    platform.stepClock(-60_000);
    await revocations.revokeUid('u');
    expect(await detailOf(tokens, before)).toBe('token.revoked');
    expect(await detailOf(tokens, await tokens.mint({ uid: 'u' }))).toBe('good');
  });

  test('[AUT6] tokens without a time of issue are refused too', async () => {
    const { revocations } = setUp();
    const token = { uid: 'u', key: 'jx', issuedAt: undefined };
    expect(revocations.isRevoked(token)).toBe(false);
    await revocations.revokeUid('u');
    expect(revocations.isRevoked(token)).toBe(true);
  });

  test('[AUT6] if it cannot be stored, the earlier revocation still applies', async () => {
    const { tokens, revocations, records, platform } = setUp();
    const first = await tokens.mint({ uid: 'u' });
    await revocations.revokeUid('u');
    platform.advance(1000);
    const second = await tokens.mint({ uid: 'u' });
    records.fail = new Error('the disk is full');
    await expect(revocations.revokeUid('u')).rejects.toThrow('full');
    expect(await detailOf(tokens, first)).toBe('token.revoked');
    expect(await detailOf(tokens, second)).toBe('good');
  });
});

test('[AUT5] [AUT6] same result as a plain list of revocations, in any order, across reloads', async () => {
  const uid = fc.constantFrom('a', 'b');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('mint' as const), uid }),
    fc.record({ kind: fc.constant('revoke' as const), nth: fc.nat(20) }),
    fc.record({ kind: fc.constant('revokeUid' as const), uid }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: -5, max: 5 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = setUp();
      const { tokens, revocations, platform } = world;
      const made: { uid: string; token: string; revoked: boolean }[] = [];
      for (const step of steps) {
        const target = step.kind === 'revoke' ? made[step.nth] : undefined;
        if (step.kind === 'mint') {
          made.push({ uid: step.uid, token: await tokens.mint({ uid: step.uid }), revoked: false });
        } else if (step.kind === 'revokeUid') {
          await revocations.revokeUid(step.uid);
          for (const each of made) each.revoked ||= each.uid === step.uid;
        } else if (step.kind === 'wait') {
          platform.stepClock(step.ms);
        } else if (target && !target.revoked) {
          await revocations.revokeToken(await identityOf(tokens, target.token), undefined);
          target.revoked = true;
        }
      }
      for (const known of [revocations, reload(world)]) {
        const verifier = new Tokens({ secret, platform, revocations: known });
        for (const { token, revoked } of made) {
          expect(await detailOf(verifier, token)).toBe(revoked ? 'token.revoked' : 'good');
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('[AUT5] a token without jti is identified by its signed part, however its signature is encoded', async () => {
  const { tokens, revocations } = setUp();
  const { createHmac } = await import('node:crypto');
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part({ uid: 'u' })}`;
  const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  await revocations.revokeToken(await identityOf(tokens, token), undefined);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const spellings = [...alphabet].map((letter) => `${token.slice(0, -1)}${letter}`);
  const details = await Promise.all(spellings.map((spelling) => detailOf(tokens, spelling)));
  expect(new Set(details)).not.toContain('good');
  expect(details).toContain('token.revoked');
});
