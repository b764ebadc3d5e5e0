import type { JsonObject } from '@really/protocol';
import { compactVerify } from 'jose';
import type { RemoteKeys } from './remote-keys.js';
import { parseObject, readHeader } from './token-header.js';
import { fits, namesOf, type TokenHeader, type VerifyingKey } from './verifying-key.js';

export interface SignedClaims {
  readonly claims: JsonObject;
  readonly key: VerifyingKey;
}

/** All keys that an app's tokens may be signed with: its own, and published ones. */
export class KeyRing {
  readonly #own: readonly VerifyingKey[];
  readonly #remote: readonly RemoteKeys[];

  constructor(own: readonly VerifyingKey[], remote: readonly RemoteKeys[] = []) {
    this.#own = own;
    this.#remote = remote;
  }

  /** What a JWT says, if one of the keys signed it. Its times and audience are not checked. */
  async verify(token: string): Promise<SignedClaims | undefined> {
    const header = readHeader(token);
    if (!header) return undefined;
    const signed = await verifyWith(token, this.#matching(header));
    if (signed || !(await this.#renewFor(header))) return signed;
    return await verifyWith(token, this.#matching(header));
  }

  #matching(header: TokenHeader): VerifyingKey[] {
    const own = this.#own.filter((key) => fits(key, header));
    return [...own, ...this.#remote.flatMap((keys) => keys.matching(header))];
  }

  /** Fetches published keys again for this header. Resolves with whether any changed. */
  async #renewFor(header: TokenHeader): Promise<boolean> {
    if (header.algorithm === 'HS256' || this.#isKnown(header)) return false;
    const renewed = await Promise.all(this.#remote.map(async (keys) => await keys.renew()));
    return renewed.includes(true);
  }

  /** True if the key id in the header is known: no other key can have signed the token. */
  #isKnown(header: TokenHeader): boolean {
    const { kid } = header;
    return kid !== undefined && this.#matching(header).some((key) => key.kid === kid);
  }
}

async function verifyWith(
  token: string,
  keys: readonly VerifyingKey[],
): Promise<SignedClaims | undefined> {
  for (const verifying of keys) {
    const { key, algorithm } = verifying;
    try {
      const { payload } = await compactVerify(token, key, { algorithms: namesOf(algorithm) });
      const claims = parseObject(new TextDecoder('utf-8', { fatal: true }).decode(payload));
      return claims && { claims, key: verifying };
    } catch {
      // Not signed by this key, or not a JWT: the next key, if any, gives the same result for the
      // latter.
    }
  }
  return undefined;
}
