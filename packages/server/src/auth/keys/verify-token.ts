import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import { compactVerify } from 'jose';
import type { KeyRing } from './key-ring.js';
import { algorithmNamed, namesOf, type TokenHeader, type VerifyingKey } from './verifying-key.js';

/** Characters of a key id. */
const longestKid = 256;

/** The claims of a JWT signed by a key of the ring; otherwise `undefined`. */
export async function verifyToken(token: string, ring: KeyRing): Promise<JsonObject | undefined> {
  const header = readHeader(token);
  if (!header) return undefined;
  const tried = ring.matching(header);
  const claims = await verifyWith(token, tried);
  if (claims || !(await ring.renewFor(header))) return claims;
  return await verifyWith(token, ring.matching(header));
}

async function verifyWith(
  token: string,
  keys: readonly VerifyingKey[],
): Promise<JsonObject | undefined> {
  for (const { key, algorithm } of keys) {
    try {
      const { payload } = await compactVerify(token, key, { algorithms: namesOf(algorithm) });
      return parseObject(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    } catch {
      // Not signed by this key, or not a JWT: the next key, if any, gives the same result for the
      // latter.
    }
  }
  return undefined;
}

/**
 * The part of a header that is needed to verify. `undefined` if it requires anything unsupported:
 * another algorithm, an extension (`crit`), or an unencoded payload (RFC 7797).
 */
function readHeader(token: string): TokenHeader | undefined {
  const [first = '', , , ...more] = token.split('.', 4);
  const header =
    more.length === 0 ? parseObject(Buffer.from(first, 'base64url').toString()) : undefined;
  if (!header) return undefined;
  const { alg, kid, crit, b64 } = header;
  const algorithm = algorithmNamed(alg);
  if (!algorithm || crit !== undefined || (b64 !== undefined && b64 !== true)) return undefined;
  if (kid === undefined) return { algorithm, kid };
  return typeof kid === 'string' && kid.length <= longestKid ? { algorithm, kid } : undefined;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
