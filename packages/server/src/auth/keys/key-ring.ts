import type { RemoteKeys } from './remote-keys.js';
import { fits, type TokenHeader, type VerifyingKey } from './verifying-key.js';

/** All keys that an app's tokens may be signed with: its own, and those that others publish. */
export class KeyRing {
  readonly #own: readonly VerifyingKey[];
  readonly #remote: readonly RemoteKeys[];

  constructor(own: readonly VerifyingKey[], remote: readonly RemoteKeys[] = []) {
    this.#own = own;
    this.#remote = remote;
  }

  /** The keys that a token with this header may be signed with, of those that are known. */
  matching(header: TokenHeader): VerifyingKey[] {
    const own = this.#own.filter((key) => fits(key, header));
    return [...own, ...this.#remote.flatMap((keys) => keys.matching(header))];
  }

  /** Asks whether somebody published a key for this header meanwhile. Resolves with whether any did. */
  async renewFor(header: TokenHeader): Promise<boolean> {
    if (header.algorithm === 'HS256' || this.#isKnown(header)) return false;
    const renewed = await Promise.all(this.#remote.map(async (keys) => await keys.renew()));
    return renewed.includes(true);
  }

  /** The key that a token names is the one that it is signed with, if any is. */
  #isKnown(header: TokenHeader): boolean {
    const { kid } = header;
    return kid !== undefined && this.matching(header).some((key) => key.kid === kid);
  }
}
