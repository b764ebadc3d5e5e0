import { createHash } from 'node:crypto';
import type { JsonObject } from '@really/protocol';
import { isFor } from '../claims.js';

/** Why an ID token is refused. */
export type IdTokenProblem = 'token.invalid' | 'token.expired' | 'nonce.invalid';

export interface IdTokenRules {
  readonly issuer: string;
  /** The app's client ids at the issuer. */
  readonly clientIds: readonly string[];
  /** The nonce that the client sent to the issuer, if any. */
  readonly nonce: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** Allowed difference between the clocks of issuer and server, in seconds. */
const skew = 30;

/**
 * Validates the claims of an ID token with a good signature (OpenID Connect Core, section 3.1.3.7).
 */
export function validateIdToken(
  claims: JsonObject,
  { issuer, clientIds, nonce, now }: IdTokenRules,
): IdTokenProblem | undefined {
  const { iss, sub, aud, azp, exp, iat, nbf } = claims;
  const seconds = now / 1000;
  if (iss !== issuer || !isSubject(sub) || !isFor(aud, clientIds)) return 'token.invalid';
  // With several audiences, `azp` has to name the one it was issued to.
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

/** The uid of an issuer's subject: stable, unique, and valid as an object id. */
export function uidAt(issuer: string, sub: string): string {
  const digest = createHash('sha256').update(JSON.stringify([issuer, sub]));
  return `oidc-${digest.digest('base64url')}`;
}
