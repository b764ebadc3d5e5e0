import type { webcrypto } from 'node:crypto';

/** Algorithms that a token may be signed with (rule AUT2). */
export const algorithms = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Algorithm = (typeof algorithms)[number];

/** A key with exactly one algorithm, so that a public key cannot pass for a shared secret. */
export interface VerifyingKey {
  readonly algorithm: Algorithm;
  /** Key id; a key without one is tried for tokens with any key id. */
  readonly kid: string | undefined;
  readonly key: webcrypto.CryptoKey;
}

/** The part of a token's header that says how it is signed. */
export interface TokenHeader {
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
}

/** The supported algorithm of an `alg`. RFC 9864 calls the supported EdDSA `Ed25519`. */
export function algorithmNamed(alg: unknown): Algorithm | undefined {
  return alg === 'Ed25519' ? 'EdDSA' : algorithms.find((algorithm) => algorithm === alg);
}

/** Every `alg` value of this algorithm. */
export function namesOf(algorithm: Algorithm): string[] {
  return algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm];
}

/** True if a token with this header may be signed with this key. */
export function fits({ algorithm, kid }: VerifyingKey, header: TokenHeader): boolean {
  if (algorithm !== header.algorithm) return false;
  return kid === undefined || header.kid === undefined || kid === header.kid;
}

/** A key that cannot be used. The message completes "it …", and contains nothing of the key. */
export class KeyProblem extends Error {
  override readonly name = 'KeyProblem';
}
