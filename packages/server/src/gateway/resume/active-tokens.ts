import type { Revocation, Revocations } from '../../auth/revocations.js';
import type { TokenIdentity } from '../../auth/token-identity.js';

/** Something that lives on the strength of a token: a session, a stream, a session that dropped. */
export interface TokenHolder {
  /** The token was revoked; it is not held any more when this is called. */
  onRevoked(): void;
}

/** What lives on the strength of which token on this node, so that it ends when the token is revoked (rule SES10). */
export class ActiveTokens {
  readonly #revocations: Revocations;
  readonly #tokens = new Map<TokenHolder, TokenIdentity>();
  /** One holder as it is, several as a set: most uids have one. */
  readonly #byUid = new Map<string, TokenHolder | Set<TokenHolder>>();
  readonly #stop: () => void;

  constructor(revocations: Revocations) {
    this.#revocations = revocations;
    this.#stop = revocations.listen((revocation) => this.#revoked(revocation));
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** `holder` lives on this token from now on, in place of another that it may have had. False where it is revoked: nothing is held then. */
  track(holder: TokenHolder, token: TokenIdentity): boolean {
    this.untrack(holder);
    if (this.#revocations.isRevoked(token)) return false;
    this.#tokens.set(holder, token);
    const others = this.#byUid.get(token.uid);
    if (!others) this.#byUid.set(token.uid, holder);
    else if (others instanceof Set) others.add(holder);
    else this.#byUid.set(token.uid, new Set([others, holder]));
    return true;
  }

  /** Gives back what it held, if it held one. */
  untrack(holder: TokenHolder): TokenIdentity | undefined {
    const token = this.#tokens.get(holder);
    if (!token) return undefined;
    this.#tokens.delete(holder);
    const holders = this.#byUid.get(token.uid);
    if (holders instanceof Set) holders.delete(holder);
    if (holders === holder || (holders instanceof Set && holders.size === 0)) {
      this.#byUid.delete(token.uid);
    }
    return token;
  }

  close(): void {
    this.#stop();
  }

  #revoked({ uid }: Revocation): void {
    const holders = this.#byUid.get(uid);
    if (!holders) return;
    for (const holder of holders instanceof Set ? [...holders] : [holders]) {
      const token = this.#tokens.get(holder);
      if (!token || !this.#revocations.isRevoked(token)) continue;
      this.untrack(holder);
      holder.onRevoked();
    }
  }
}
