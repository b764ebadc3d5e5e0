import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { simulatedPlatform } from '../platform/simulated.js';
import { Tokens } from './tokens.js';

const secret = 'a secret of at least thirty-two characters';
const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function setUp() {
  const platform = simulatedPlatform({ seed: 1, now });
  return { platform, tokens: new Tokens({ secret, platform }) };
}

/** Signs any claims, valid or not. */
function sign(claims: unknown, header: object = { alg: 'HS256' }, key = secret, hash = 'sha256') {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

const refused = (detail: string) => ({ ok: false, detail });

describe('a minted token', () => {
  test('[AUT2] has the claims it was minted with', async () => {
    const { tokens } = setUp();
    const claims = { uid: 'u1', authType: 'password', _r: '/users/7', data: { plan: 'free' } };
    const token = await tokens.mint({ ...claims, expires: now + 1000 });
    expect(await tokens.verify(token)).toMatchObject({
      ok: true,
      auth: claims,
      expires: now + 1000,
    });
  });

  test('[AUT2] never expires by default', async () => {
    const { tokens, platform } = setUp();
    const token = await tokens.mint({ uid: 'u1' });
    platform.advance(1e12);
    expect(await tokens.verify(token)).toMatchObject({ ok: true, expires: undefined });
  });

  test('[AUT2] has a unique jti and its time of issue', async () => {
    const { tokens } = setUp();
    const made = await Promise.all([tokens.mint({ uid: 'u1' }), tokens.mint({ uid: 'u1' })]);
    const [first, second] = made.map((token) => {
      const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
      return JSON.parse(payload) as Record<string, unknown>;
    });
    expect(first?.iat).toBe(now / 1000);
    expect(first?.jti).not.toBe(second?.jti);
  });

  test('is refused if it could not be used', async () => {
    const { tokens } = setUp();
    await expect(tokens.mint({ uid: '' })).rejects.toThrow(TypeError);
    await expect(tokens.mint({ uid: 'u', _r: '/users' })).rejects.toThrow(TypeError);
  });
});

describe('a refused token', () => {
  test('[SES2] only a token that is absent is missing', async () => {
    expect(await setUp().tokens.verify(undefined)).toEqual(refused('token.missing'));
  });

  test.each([null, '', 1, true, {}, [], [''], 'x', '...', 'a.b.c', 'a.b.c.d.e'])(
    '[SES2] %j is no token',
    async (token) => {
      expect(await setUp().tokens.verify(token)).toEqual(refused('token.invalid'));
    },
  );

  test('[SES2] a signature by another secret', async () => {
    const token = sign({ uid: 'u' }, { alg: 'HS256' }, 'another secret');
    expect(await setUp().tokens.verify(token)).toEqual(refused('token.invalid'));
  });

  test('[AUT2] alg none, and every algorithm but HS256', async () => {
    const { tokens } = setUp();
    const bare = sign({ uid: 'u' }, { alg: 'none' });
    expect(await tokens.verify(bare)).toEqual(refused('token.invalid'));
    expect(await tokens.verify(bare.replace(/[^.]*$/, ''))).toEqual(refused('token.invalid'));
    const longer = sign({ uid: 'u' }, { alg: 'HS512' }, secret, 'sha512');
    expect(await tokens.verify(longer)).toEqual(refused('token.invalid'));
    expect(await tokens.verify(sign({ uid: 'u' }, {}))).toEqual(refused('token.invalid'));
  });

  test('[AUT2] claims of a wrong type', async () => {
    const { tokens } = setUp();
    const wrong = [
      {},
      { uid: 7 },
      { uid: '' },
      { uid: 'u', authType: 1 },
      { uid: 'u', data: [] },
      { uid: 'u', data: null },
      { uid: 'u', data: JSON.parse(`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`) },
      { uid: 'u', _r: 5 },
      { uid: 'u', _r: 'users/1' },
      { uid: 'u', _r: '/users' },
      { uid: 'u', jti: 1 },
      { uid: 'u', iat: 'yesterday' },
      { uid: 'u', exp: '1' },
      { uid: 'u', expires: true },
      { uid: 'u', expires: null },
      { uid: 'u', expires: 'tomorrow' },
      { uid: 'u', expires: '2026-13-01' },
      { uid: 'u', expires: '1798761600000' },
      [],
      'u',
      null,
    ];
    for (const claims of wrong) {
      expect(await tokens.verify(sign(claims)), JSON.stringify(claims)).toEqual(
        refused('token.invalid'),
      );
    }
  });

  test('[AUT2] a token before its nbf', async () => {
    const { tokens, platform } = setUp();
    const token = sign({ uid: 'u', nbf: Math.ceil(now / 1000) });
    expect(await tokens.verify(token)).toEqual(refused('token.invalid'));
    platform.advance(1000);
    expect(await tokens.verify(token)).toMatchObject({ ok: true });
  });
});

describe('the expiry of a token', () => {
  test.each([
    [now + 5000, now + 5000],
    ['2026-01-02T03:04:06Z', Date.UTC(2026, 0, 2, 3, 4, 6)],
    ['2026-01-02T03:04:06.789Z', Date.UTC(2026, 0, 2, 3, 4, 6, 789)],
    ['2026-01-02T05:04:06+02:00', Date.UTC(2026, 0, 2, 3, 4, 6)],
    ['2026-01-02T05:04:06+0200', Date.UTC(2026, 0, 2, 3, 4, 6)],
    ['2026-01-02T00:04:06-03', Date.UTC(2026, 0, 2, 3, 4, 6)],
    ['2026-01-02T03:05', Date.UTC(2026, 0, 2, 3, 5)],
    ['2026-01-03', Date.UTC(2026, 0, 3)],
    [0, undefined],
    [Number.MAX_SAFE_INTEGER, 8.64e15],
  ])('[AUT2] expires %j', async (expires, expected) => {
    const verified = await setUp().tokens.verify(sign({ uid: 'u', expires }));
    expect(verified).toMatchObject({ ok: true, auth: { uid: 'u' }, expires: expected });
  });

  test('[AUT2] exp counts too, and the earlier one wins', async () => {
    const { tokens } = setUp();
    const second = Math.floor(now / 1000) + 10;
    const verify = (claims: object) => tokens.verify(sign({ uid: 'u', ...claims }));
    expect(await verify({ exp: second })).toMatchObject({ expires: second * 1000 });
    expect(await verify({ exp: second, expires: now + 1 })).toMatchObject({ expires: now + 1 });
    expect(await verify({ exp: second, expires: now + 1e9 })).toMatchObject({
      expires: second * 1000,
    });
    expect(await verify({ exp: second - 20, expires: 0 })).toEqual(refused('token.expired'));
  });

  test('[SES2] it is expired from that millisecond on', async () => {
    const { tokens, platform } = setUp();
    const token = await tokens.mint({ uid: 'u', expires: now + 1000 });
    platform.advance(999);
    expect(await tokens.verify(token)).toMatchObject({ ok: true });
    platform.advance(1);
    expect(await tokens.verify(token)).toEqual(refused('token.expired'));
  });

  test('[AUT2] the R of a user is compared as printed', async () => {
    const verified = await setUp().tokens.verify(sign({ uid: 'u', _r: '/users/1/' }));
    expect(verified).toMatchObject({ ok: true, auth: { _r: '/users/1' } });
  });
});
