import { generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import type { JsonObject } from '@really/protocol';

/** A key pair, with its public half in every supported form. */
export interface Pair {
  readonly alg: 'RS256' | 'ES256' | 'EdDSA';
  readonly kid: string;
  readonly publicPem: string;
  readonly privatePem: string;
  readonly jwk: JsonObject;
  /** Signs claims as another implementation would: with `node:crypto` alone. */
  sign(claims: object, header?: object): string;
}

function generate(alg: Pair['alg']): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function makePair(alg: Pair['alg'], kid: string): Pair {
  const { publicKey, privateKey } = generate(alg);
  const pem = (key: KeyObject, type: 'spki' | 'pkcs8') =>
    key.export({ format: 'pem', type }).toString();
  return {
    alg,
    kid,
    publicPem: pem(publicKey, 'spki'),
    privatePem: pem(privateKey, 'pkcs8'),
    jwk: { ...(publicKey.export({ format: 'jwk' }) as JsonObject), kid, alg, use: 'sig' },
    sign(claims, header = {}) {
      const signed = `${part({ alg, kid, ...header })}.${part(claims)}`;
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
      const signature = signBytes(alg === 'EdDSA' ? null : 'sha256', Buffer.from(signed), key);
      return `${signed}.${signature.toString('base64url')}`;
    },
  };
}
