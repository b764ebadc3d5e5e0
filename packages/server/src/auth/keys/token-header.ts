import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import { algorithmNamed, type TokenHeader } from './verifying-key.js';

/** Characters of a key id. */
const longestKid = 256;

/** The header of a JWT, not verified. */
export function headerOf(token: string): JsonObject | undefined {
  const [first = '', , , ...more] = token.split('.', 4);
  return more.length === 0 ? parseObject(Buffer.from(first, 'base64url').toString()) : undefined;
}

/**
 * The part of a header that is needed to verify. `undefined` if it requires anything unsupported:
 * another algorithm, an extension (`crit`), or an unencoded payload (RFC 7797).
 */
export function readHeader(token: string): TokenHeader | undefined {
  const header = headerOf(token);
  if (!header) return undefined;
  const { alg, kid, crit, b64 } = header;
  const algorithm = algorithmNamed(alg);
  if (!algorithm || crit !== undefined || (b64 !== undefined && b64 !== true)) return undefined;
  if (kid === undefined) return { algorithm, kid };
  return typeof kid === 'string' && kid.length <= longestKid ? { algorithm, kid } : undefined;
}

/** `undefined` where it is no JSON, or no object. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
