import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../platform/log.js';
import { simulatedPlatform } from '../../platform/simulated.js';
import { Tokens, type TokensOptions } from '../tokens.js';
import { importFurtherSecret, importJwk, importJwks, importPem } from './import-key.js';
import { makePair } from './keys.fixture.js';
import { RemoteKeys } from './remote-keys.js';
import { KeyProblem } from './verifying-key.js';

const secret = 'a secret of at least thirty-two characters';
const rs = makePair('RS256', 'rs');
const es = makePair('ES256', 'es');
const ed = makePair('EdDSA', 'ed');
const pairs = [rs, es, ed];
const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2026, 0, 2) });

const tokensWith = (more: Partial<TokensOptions>) => new Tokens({ secret, platform, ...more });

async function detailOf(tokens: Tokens, token: unknown): Promise<string> {
  const verified = await tokens.verify(token);
  return verified.ok ? `good: ${verified.auth.uid}` : verified.detail;
}

function signHs(claims: object, header: object, key: string | Buffer): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', ...header })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

describe('configured keys', () => {
  test('[AUT9] a token is verified by the public key of its signer, as PEM and as JWK, with and without kid', async () => {
    for (const pair of pairs) {
      const forms = [
        await importPem(pair.publicPem),
        await importPem(pair.publicPem, pair.kid),
        [await importJwk(pair.jwk)],
        await importJwks({ keys: [pair.jwk] }),
      ];
      for (const keys of forms) {
        const tokens = tokensWith({ keys });
        expect(await detailOf(tokens, pair.sign({ uid: 'u' }))).toBe('good: u');
        expect(await detailOf(tokens, pair.sign({ uid: 'u' }, { kid: undefined }))).toBe('good: u');
        expect(await detailOf(tokens, await tokens.mint({ uid: 'own' }))).toBe('good: own');
      }
      expect(await detailOf(tokensWith({}), pair.sign({ uid: 'u' }))).toBe('token.invalid');
      const named = tokensWith({ keys: [await importJwk(pair.jwk)] });
      expect(await detailOf(named, pair.sign({ uid: 'u' }, { kid: 'other' }))).toBe(
        'token.invalid',
      );
    }
  });

  test('[AUT9] Ed25519 is another name of EdDSA, in tokens and in keys, and of nothing else', async () => {
    const { alg: _, ...unnamed } = ed.jwk;
    const keys = [unnamed, { ...unnamed, alg: 'EdDSA' }, { ...unnamed, alg: 'Ed25519' }];
    for (const key of keys) {
      const tokens = tokensWith({ keys: [await importJwk(key)] });
      for (const named of ['EdDSA', 'Ed25519']) {
        expect(await detailOf(tokens, ed.sign({ uid: 'u' }, { alg: named }))).toBe('good: u');
      }
      expect(await detailOf(tokens, ed.sign({ uid: 'u' }, { alg: 'Ed448' }))).toBe('token.invalid');
    }
    await expect(importJwk({ ...es.jwk, alg: 'Ed25519' })).rejects.toThrow(KeyProblem);
    const others = tokensWith({ keys: [await importJwk(es.jwk), await importJwk(rs.jwk)] });
    for (const pair of [es, rs]) {
      const token = pair.sign({ uid: 'u' }, { alg: 'Ed25519' });
      expect(await detailOf(others, token)).toBe('token.invalid');
    }
  });

  test('[AUT9] a changed token, or one of another key, is refused', async () => {
    for (const pair of pairs) {
      const tokens = tokensWith({ keys: await importPem(pair.publicPem) });
      const [header = '', , signature = ''] = pair.sign({ uid: 'u' }).split('.');
      const claims = Buffer.from('{"uid":"admin"}').toString('base64url');
      expect(await detailOf(tokens, `${header}.${claims}.${signature}`)).toBe('token.invalid');
      expect(await detailOf(tokens, makePair(pair.alg, pair.kid).sign({ uid: 'u' }))).toBe(
        'token.invalid',
      );
      for (const cut of ['', 'AAAA', signature.slice(0, -4)]) {
        expect(await detailOf(tokens, `${header}.${claims}.${cut}`)).toBe('token.invalid');
      }
    }
  });

  test('[AUT9] a public key is not accepted as a secret, whatever the header says', async () => {
    const keys = (await Promise.all(pairs.map(({ publicPem }) => importPem(publicPem)))).flat();
    const tokens = tokensWith({ keys });
    for (const { publicPem, jwk } of pairs) {
      for (const known of [publicPem, publicPem.trim(), JSON.stringify(jwk), '']) {
        for (const kid of [undefined, 'rs', 'es', 'ed']) {
          const forged = signHs({ uid: 'admin' }, { kid }, known);
          expect(await detailOf(tokens, forged)).toBe('token.invalid');
        }
      }
    }
    // A key is for one algorithm: the same signature under another name is refused.
    for (const alg of ['ES256', 'EdDSA', 'PS256', 'RS512', 'none', 'None', '', 'HS256']) {
      expect(await detailOf(tokens, rs.sign({ uid: 'u' }, { alg }))).toBe('token.invalid');
    }
  });

  test('[AUT9] secrets can be rotated: the old one verifies, the new one signs', async () => {
    const before = tokensWith({});
    const old = await before.mint({ uid: 'u' });
    const renewed = 'another secret, of at least thirty-two characters';
    const keys = [await importFurtherSecret(Buffer.from(secret))];
    const after = tokensWith({ secret: renewed, keys });
    expect(await detailOf(after, old)).toBe('good: u');
    const fresh = await after.mint({ uid: 'u' });
    expect(await detailOf(after, fresh)).toBe('good: u');
    expect(await detailOf(before, fresh)).toBe('token.invalid');
    expect(await detailOf(tokensWith({ secret: renewed }), old)).toBe('token.invalid');
  });

  test('[AUT9] extensions, unencoded payloads and strange key ids are refused', async () => {
    const tokens = tokensWith({ keys: [await importJwk(rs.jwk)] });
    const headers: object[] = [
      { crit: ['exp'] },
      { crit: ['b64'], b64: true },
      { crit: [] },
      { crit: null },
      { b64: false },
      { b64: false, crit: ['b64'] },
      { kid: 7 },
      { kid: null },
      { kid: ['rs'] },
      { kid: { toString: 'rs' } },
      { kid: 'r'.repeat(257) },
      { kid: '__proto__' },
      { kid: '../rs' },
      { kid: "rs' OR '1'='1" },
    ];
    for (const header of headers) {
      expect(await detailOf(tokens, rs.sign({ uid: 'u' }, header)), JSON.stringify(header)).toBe(
        'token.invalid',
      );
    }
    // Keys inside a header are ignored.
    const own = makePair('RS256', 'own');
    for (const header of [{ jwk: own.jwk }, { jku: 'http://127.0.0.1:9/' }, { x5c: ['AAAA'] }]) {
      expect(await detailOf(tokens, own.sign({ uid: 'u' }, header))).toBe('token.invalid');
      expect(await detailOf(tokens, own.sign({ uid: 'u' }, { ...header, kid: 'rs' }))).toBe(
        'token.invalid',
      );
    }
  });

  test('[AUT9] a huge token is refused without parsing', async () => {
    const tokens = tokensWith({});
    const huge = signHs({ uid: 'u', data: { x: 'y'.repeat(20_000) } }, {}, secret);
    expect(await detailOf(tokens, huge)).toBe('token.invalid');
    expect(await detailOf(tokens, 'a.'.repeat(10_000_000))).toBe('token.invalid');
    expect(await detailOf(tokens, signHs({ uid: 'u', x: 'y'.repeat(9000) }, {}, secret))).toBe(
      'good: u',
    );
  });

  test('[AUT9] any text sent as a token gets a result, and nothing is thrown', async () => {
    const tokens = tokensWith({ keys: [await importJwk(es.jwk)] });
    const piece = fc.oneof(
      fc.string(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc.constant(es.sign({ uid: 'u' }).split('.')[0] ?? ''),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 5 }), async (pieces) => {
        expect(await detailOf(tokens, pieces.join('.'))).toBe('token.invalid');
      }),
    );
  });
});

describe('audience', () => {
  test('[AUT9] with names of the app configured, a token has to be for one of them', async () => {
    const keys = [await importJwk(ed.jwk)];
    const tokens = tokensWith({ keys, audience: ['shop', 'store'] });
    const cases: readonly [unknown, boolean][] = [
      ['shop', true],
      ['store', true],
      [['else', 'store'], true],
      ['else', false],
      [['else'], false],
      [[], false],
      [undefined, false],
      [7, false],
      [{ shop: true }, false],
      ['shop,store', false],
    ];
    for (const [aud, isGood] of cases) {
      const expected = isGood ? 'good: u' : 'token.invalid';
      expect(await detailOf(tokens, ed.sign({ uid: 'u', aud }))).toBe(expected);
      expect(await detailOf(tokens, signHs({ uid: 'u', aud }, {}, secret))).toBe(expected);
    }
    expect(await detailOf(tokens, await tokens.mint({ uid: 'own' }))).toBe('good: own');
    expect(await detailOf(tokensWith({ keys }), ed.sign({ uid: 'u', aud: 'else' }))).toBe(
      'good: u',
    );
  });
});

describe('an unusable key', () => {
  test.each([
    ['a private key', async () => await importPem(rs.privatePem), 'private key'],
    ['no PEM', async () => await importPem('nonsense'), 'holds no key'],
    [
      'damaged PEM',
      async () => await importPem('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'),
      'no public key',
    ],
    ['a private JWK', async () => await importJwk({ ...rs.jwk, d: 'AAAA' }), 'private key'],
    ['a key for encryption', async () => await importJwk({ ...rs.jwk, use: 'enc' }), 'signatures'],
    [
      'a key to sign with',
      async () => await importJwk({ ...rs.jwk, key_ops: ['sign'] }),
      'not for verifying',
    ],
    ['another algorithm', async () => await importJwk({ ...rs.jwk, alg: 'PS256' }), 'for RS256'],
    ['a short secret', async () => await importJwk({ kty: 'oct', k: 'AAAA' }), 'shorter than 32'],
    ['an unknown kind', async () => await importJwk({ kty: 'XYZ' }), 'no public key'],
    ['an empty set', async () => await importJwks({ keys: [] }), 'holds no key'],
    ['a list', async () => await importJwks([rs.jwk]), 'no JSON Web Key'],
  ])('[AUT9] %s', async (_name, read, problem) => {
    await expect(read()).rejects.toThrow(problem);
  });
});

describe('published keys', () => {
  function setUp(first: readonly object[]) {
    const world = simulatedPlatform({ seed: 1 });
    const state = { published: { keys: first } as unknown, fetched: 0, fails: false };
    const fetchJson = async () => {
      state.fetched += 1;
      if (state.fails) throw new Error('the other side is not available');
      return await Promise.resolve(state.published);
    };
    const url = 'https://keys.example/jwks';
    const outcomes: string[] = [];
    const fetches = { add: (_n?: number, outcome = '') => void outcomes.push(outcome) };
    const remote = new RemoteKeys({
      ...{ url, fetchJson, fetches, outcomes },
      platform: world,
      log: silentLog,
    });
    remote.start();
    const tokens = new Tokens({ secret, platform: world, published: [remote] });
    /** Lets time pass until all are verified. */
    const verifyAll = async (list: readonly string[]) => {
      let results: string[] | undefined;
      void Promise.all(list.map((token) => detailOf(tokens, token))).then((details) => {
        results = details;
      });
      while (!results) {
        await new Promise((resolve) => setImmediate(resolve));
        world.advance(100);
      }
      return results;
    };
    return { world, state, remote, tokens, outcomes, verifyAll };
  }

  test('[AUT9] they are valid from the start, even for tokens that arrive before they are fetched', async () => {
    const { tokens, state } = setUp(pairs.map(({ jwk }) => jwk));
    const all = pairs.map((pair) => detailOf(tokens, pair.sign({ uid: 'u' })));
    expect(await Promise.all(all)).toEqual(['good: u', 'good: u', 'good: u']);
    expect(state.fetched).toBe(1);
  });

  test('[AUT9] a new key is found when the first token names it', async () => {
    const { verifyAll, state } = setUp([rs.jwk]);
    const [old, fresh] = [rs.sign({ uid: 'u' }), es.sign({ uid: 'u' })];
    // A failed attempt before it is published does no harm.
    expect(await verifyAll([old])).toEqual(['good: u']);
    expect(await verifyAll([fresh])).toEqual(['token.invalid']);
    state.published = { keys: [es.jwk] };
    expect(await verifyAll([fresh])).toEqual(['good: u']);
    expect(await verifyAll([old])).toEqual(['token.invalid']);
    expect(state.fetched).toBeLessThanOrEqual(4);
  });

  test('[AUT9] a new key without a key id is found too', async () => {
    const nameless = (pair: typeof rs) => ({ ...pair.jwk, kid: undefined });
    const { verifyAll, state } = setUp([nameless(rs)]);
    expect(await verifyAll([rs.sign({ uid: 'u' }, { kid: undefined })])).toEqual(['good: u']);
    const other = makePair('RS256', 'x');
    state.published = { keys: [nameless(other)] };
    expect(await verifyAll([other.sign({ uid: 'u' }, { kid: undefined })])).toEqual(['good: u']);
  });

  test('[AUT9] made-up key ids do not trigger many fetches', async () => {
    const { verifyAll, state, world } = setUp([rs.jwk]);
    await verifyAll([rs.sign({ uid: 'u' })]);
    const garbage = Array.from({ length: 100 }, (_, n) => ed.sign({ uid: 'u' }, { kid: `k${n}` }));
    expect(new Set(await verifyAll(garbage))).toEqual(new Set(['token.invalid']));
    expect(state.fetched).toBe(2);
    for (const token of garbage) await verifyAll([token]);
    expect(state.fetched).toBe(4);
    world.advance(30_000);
    for (const token of garbage) await verifyAll([token]);
    expect(state.fetched).toBe(5);
    // A token that claims to be signed with a secret triggers no fetch.
    world.advance(120_000);
    expect(await verifyAll([signHs({ uid: 'u' }, { kid: 'k' }, 'x')])).toEqual(['token.invalid']);
    expect(state.fetched).toBe(5);
  });

  test('[AUT9] if they cannot be fetched, the known ones stay in use', async () => {
    const { verifyAll, state, world, outcomes } = setUp([rs.jwk]);
    await verifyAll([rs.sign({ uid: 'u' })]);
    const failures: (() => void)[] = [
      () => {
        state.fails = true;
      },
      () => {
        state.fails = false;
        state.published = { keys: [] };
      },
      () => {
        state.published = 'nonsense';
      },
      () => {
        state.published = { keys: [{ kty: 'oct', k: Buffer.from(secret).toString('base64url') }] };
      },
    ];
    for (const fail of failures) {
      fail();
      world.advance(10 * 60_000);
      await new Promise((resolve) => setImmediate(resolve));
      expect(outcomes.at(-1)).toBe('failed');
      expect(await verifyAll([rs.sign({ uid: 'u' })])).toEqual(['good: u']);
      expect(await verifyAll([es.sign({ uid: 'u' })])).toEqual(['token.invalid']);
    }
    state.published = { keys: [es.jwk, { kty: 'EC', crv: 'P-384' }, null, 7, { kty: 'oct' }] };
    world.advance(30_000);
    expect(await verifyAll([es.sign({ uid: 'u' })])).toEqual(['good: u']);
  });

  test('[AUT9] a withdrawn key is refused after ten minutes, even without requests', async () => {
    const { verifyAll, state, world } = setUp([rs.jwk, es.jwk]);
    expect(await verifyAll([rs.sign({ uid: 'u' })])).toEqual(['good: u']);
    state.published = { keys: [es.jwk] };
    world.advance(10 * 60_000);
    await new Promise((resolve) => setImmediate(resolve));
    state.fails = true;
    expect(await verifyAll([rs.sign({ uid: 'u' })])).toEqual(['token.invalid']);
  });
});
