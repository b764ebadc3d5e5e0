import type { RemoteKeys } from './remote-keys.js';
import { fits, type TokenHeader, type VerifyingKey } from './verifying-key.js';

/** All keys that an app's tokens may be signed with: its own, and published ones. */
export class KeyRing {
  readonly #own: readonly VerifyingKey[];
  readonly #remote: readonly RemoteKeys[];

  constructor(own: readonly VerifyingKey[], remote: readonly RemoteKeys[] = []) {
    this.#own = own;
    this.#remote = remote;
  }

  /** The known keys that a token with this header may be signed with. */
  matching(header: TokenHeader): VerifyingKey[] {
    const own = this.#own.filter((key) => fits(key, header));
    return [...own, ...this.#remote.flatMap((keys) => keys.matching(header))];
  }

  /** Fetches published keys again for this header. Resolves with whether any changed. */
  async renewFor(header: TokenHeader): Promise<boolean> {
    if (header.algorithm === 'HS256' || this.#isKnown(header)) return false;
    const renewed = await Promise.all(this.#remote.map(async (keys) => await keys.renew()));
    return renewed.includes(true);
  }

  /** True if the key id in the header is known: no other key can have signed the token. */
  #isKnown(header: TokenHeader): boolean {
    const { kid } = header;
    return kid !== undefined && this.matching(header).some((key) => key.kid === kid);
  }
}
