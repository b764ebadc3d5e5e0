import type { webcrypto } from 'node:crypto';

/** Every algorithm that a token may be signed with (rule AUT2). */
export const algorithms = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Algorithm = (typeof algorithms)[number];

/**
 * A key that tokens are verified with: for one algorithm and no other, so that nobody can pass off a
 * public key as the secret of another algorithm.
 */
export interface VerifyingKey {
  readonly algorithm: Algorithm;
  /** Its name; without one it is tried for tokens that name any key. */
  readonly kid: string | undefined;
  readonly key: webcrypto.CryptoKey;
}

/** What the header of a token says about how it is signed. */
export interface TokenHeader {
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
}

/** The algorithm that an `alg` names; `undefined` where it is not served. RFC 9864 calls the EdDSA that is served `Ed25519`. */
export function algorithmNamed(alg: unknown): Algorithm | undefined {
  return alg === 'Ed25519' ? 'EdDSA' : algorithms.find((one) => one === alg);
}

/** Every `alg` that a token may name this algorithm by. */
export function namesOf(algorithm: Algorithm): string[] {
  return algorithm === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [algorithm];
}

/** Whether a token with this header may be signed with this key. */
export function fits({ algorithm, kid }: VerifyingKey, header: TokenHeader): boolean {
  if (algorithm !== header.algorithm) return false;
  return kid === undefined || header.kid === undefined || kid === header.kid;
}

/** A key that can not be used. The message ends the sentence "it …", and tells nothing of the key. */
export class KeyProblem extends Error {
  override readonly name = 'KeyProblem';
}
