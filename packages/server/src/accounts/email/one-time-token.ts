import { createHash } from 'node:crypto';
import type { Random } from '../../platform/platform.js';

const secretBytes = 24;
/** Uids of older accounts are hexadecimal. */
const pattern = /^(\d{1,19}|[0-9a-f]{32})\.([\w-]{32})$/;

/** The parts of a token from an email. */
export interface ParsedOneTimeToken {
  readonly uid: string;
  /** What is stored instead of the token. */
  readonly hash: string;
}

/** Makes a token for an email to the owner of an account. Safe in a URL. */
export function createOneTimeToken(uid: string, random: Random): { token: string; hash: string } {
  const secret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  return { token: `${uid}.${secret}`, hash: hashOf(secret) };
}

/** `undefined` where it is invalid. */
export function parseOneTimeToken(token: string): ParsedOneTimeToken | undefined {
  const [, uid, secret] = pattern.exec(token) ?? [];
  return uid === undefined || secret === undefined ? undefined : { uid, hash: hashOf(secret) };
}

/** The secret is as long as a key, so a fast hash without salt cannot be reversed. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
