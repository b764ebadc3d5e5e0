import { createHash } from 'node:crypto';
import type { JsonObject } from '@really/protocol';

/** Identifies a token for revocation. */
export interface TokenIdentity {
  readonly uid: string;
  /** Unique among the tokens of its uid. */
  readonly key: string;
  /** Time of issue, milliseconds since the Unix epoch; `undefined` if not known. */
  readonly issuedAt: number | undefined;
}

/** Characters of a `jti` that is used unchanged. */
const longestJti = 64;

/** A token without a `jti` is known by its signed part, since a signature can be encoded in several ways. */
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
