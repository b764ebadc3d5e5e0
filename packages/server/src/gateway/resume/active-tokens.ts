import type { Revocation, Revocations } from '../../auth/revocations.js';
import type { TokenIdentity } from '../../auth/token-identity.js';

/** Something that depends on a token: a session, a stream, or a resumable session. */
export interface TokenHolder {
  /** The token was revoked; it is untracked when this is called. */
  onRevoked(): void;
}

/** What depends on which token on this node, so that it ends with the token (rule SES10). */
export class ActiveTokens {
  readonly #revocations: Revocations;
  readonly #tokens = new Map<TokenHolder, TokenIdentity>();
  /** A single holder as it is, several as a set: most uids have one. */
  readonly #byUid = new Map<string, TokenHolder | Set<TokenHolder>>();
  readonly close: () => void;

  constructor(revocations: Revocations) {
    this.#revocations = revocations;
    this.close = revocations.listen((revocation) => this.#revoked(revocation));
  }

  get size(): number {
    return this.#tokens.size;
  }

  /** `holder` depends on this token from now on, and no other. False: it is revoked, and not tracked. */
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

  /** Untracks the holder. Returns its token, if it had one. */
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
