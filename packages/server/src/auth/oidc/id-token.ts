import { createHash } from 'node:crypto';
import type { JsonObject } from '@really/protocol';
import { isFor } from '../claims.js';

/** Why an ID token is not taken. */
export type IdTokenProblem = 'token.invalid' | 'token.expired' | 'nonce.invalid';

export interface IdTokenRules {
  readonly issuer: string;
  /** What the app is called at the issuer. */
  readonly clientIds: readonly string[];
  /** What the client sent with its request to the issuer, if anything. */
  readonly nonce: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Seconds that the clocks of issuer and server may differ by. */
const skew = 30;

/** Judges the claims of an ID token whose signature is good (OpenID Connect Core, section 3.1.3.7). */
export function validateIdToken(
  claims: JsonObject,
  { issuer, clientIds, nonce, now }: IdTokenRules,
): IdTokenProblem | undefined {
  const { iss, sub, aud, azp, exp, iat, nbf } = claims;
  const seconds = now / 1000;
  if (iss !== issuer || !isSubject(sub) || !isFor(aud, clientIds)) return 'token.invalid';
  // For several audiences it has to say for which of them it was made.
  const isForMany = Array.isArray(aud) && aud.length > 1;
  if (isForMany || azp !== undefined) {
    if (typeof azp !== 'string' || !clientIds.includes(azp)) return 'token.invalid';
  }
  if (!isTime(exp) || !isTime(iat) || iat > seconds + skew) return 'token.invalid';
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + skew)) return 'token.invalid';
  // Logout tokens are signed alike and look much like ID tokens.
  if (claims.events !== undefined) return 'token.invalid';
  if (exp <= seconds - skew) return 'token.expired';
  return claims.nonce === nonce ? undefined : 'nonce.invalid';
}

const isTime = (value: unknown): value is number => Number.isFinite(value);

/** OpenID Connect Core, section 2. */
const isSubject = (sub: unknown): sub is string =>
  typeof sub === 'string' && sub !== '' && sub.length <= 255;

/** The uid of who is `sub` at this issuer: always the same, nobody else's, and fit to be the id of an object. */
export function uidAt(issuer: string, sub: string): string {
  const digest = createHash('sha256').update(JSON.stringify([issuer, sub]));
  return `oidc-${digest.digest('base64url')}`;
}
