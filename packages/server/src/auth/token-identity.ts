import { createHash } from 'node:crypto';
import type { JsonObject } from '@really/protocol';

/** What revocations know a token by. */
export interface TokenIdentity {
  readonly uid: string;
  /** Tells it from the others of its uid. */
  readonly key: string;
  /** When it was made, milliseconds since the Unix epoch; `undefined`: it does not say. */
  readonly issuedAt: number | undefined;
}

/** Characters of a `jti` that is kept as it is. */
const longestJti = 64;

/**
 * The identity of a token whose claims were found good. Without a `jti` it is known by what was signed:
 * that can not be spelled in another way, as a signature can.
 */
export function identityOf(token: string, uid: string, { jti, iat }: JsonObject): TokenIdentity {
  const issuedAt = typeof iat === 'number' ? Math.round(iat * 1000) : Number.NaN;
  const isTime = Number.isFinite(issuedAt);
  return { uid, issuedAt: isTime ? issuedAt : undefined, key: keyOf(token, jti) };
}

function keyOf(token: string, jti: unknown): string {
  if (typeof jti !== 'string') return `h${digest(token.slice(0, token.lastIndexOf('.')))}`;
  return jti.length <= longestJti ? `j${jti}` : `d${digest(jti)}`;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
