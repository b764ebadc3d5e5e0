import { createHash } from 'node:crypto';
import type { Random } from '../../platform/platform.js';

const secretBytes = 24;
const pattern = /^([0-9a-f]{32})\.([\w-]{32})$/;

/** What a token in a letter says to the server. */
export interface ParsedOneTimeToken {
  readonly uid: string;
  /** What is kept in its place. */
  readonly hash: string;
}

/** Makes a token for a letter to the owner of an account. It may stand in a URL as it is. */
export function createOneTimeToken(uid: string, random: Random): { token: string; hash: string } {
  const secret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  return { token: `${uid}.${secret}`, hash: hashOf(secret) };
}

/** `undefined` where it is none. */
export function parseOneTimeToken(token: string): ParsedOneTimeToken | undefined {
  const [, uid, secret] = pattern.exec(token) ?? [];
  return uid === undefined || secret === undefined ? undefined : { uid, hash: hashOf(secret) };
}

/** The secret is as long as a key, so a hash without salt and without cost is one that nobody can turn back. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
