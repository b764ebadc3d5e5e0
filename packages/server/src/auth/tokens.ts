import type { Auth, JsonObject } from '@really/protocol';
import { base64url, CompactSign } from 'jose';
import type { Platform } from '../platform/platform.js';
import { readClaims } from './claims.js';
import { importSecret } from './keys/import-key.js';
import { KeyRing } from './keys/key-ring.js';
import type { RemoteKeys } from './keys/remote-keys.js';
import type { VerifyingKey } from './keys/verifying-key.js';
import type { Revocations } from './revocations.js';
import { identityOf, type TokenIdentity } from './token-identity.js';

/** Why a token is refused, as in `errors.accessToken` (rule SES2). */
export type TokenRefusal = 'token.missing' | 'token.invalid' | 'token.expired' | 'token.revoked';

export interface ValidToken {
  readonly auth: Auth;
  readonly token: TokenIdentity;
  /** Milliseconds since the Unix epoch; `undefined`: never. */
  readonly expires: number | undefined;
}

export type Verified =
  | ({ readonly ok: true } & ValidToken)
  | { readonly ok: false; readonly detail: TokenRefusal };

export interface TokenClaims {
  readonly uid: string;
  readonly authType?: string | undefined;
  readonly _r?: string | undefined;
  readonly data?: JsonObject | undefined;
  /** Rule ADM1. */
  readonly admin?: true | undefined;
  /** Milliseconds since the Unix epoch; missing: never. */
  readonly expires?: number | undefined;
}

export interface TokensOptions {
  readonly secret: Uint8Array | string;
  /** Further verification keys: those of others, and former secrets. */
  readonly keys?: readonly VerifyingKey[] | undefined;
  /** Keys that others publish. */
  readonly published?: readonly RemoteKeys[] | undefined;
  /** Names of this app, one of which a token's `aud` has to contain. Empty: any audience. */
  readonly audience?: readonly string[] | undefined;
  readonly platform: Platform;
  /** `undefined`: no revocation. */
  readonly revocations?: Pick<Revocations, 'isRevoked' | 'issueTime'> | undefined;
}

/** Characters of a token; longer ones are refused without parsing. */
export const longestToken = 16 * 1024;

/** Characters of a minted token: it has to fit into an HTTP header. */
export const longestMinted = 8 * 1024;

/** Bytes of the claims of a minted token: base64 adds a third, and the signature a little. */
const largestClaims = longestMinted * 0.7;

/** Bytes of `iat`, `jti`, `aud` and `expires`, which are added when a token is renewed. */
const addedClaims = 400;

/** True if a valid token has more claims than a minted one may. */
export function isTooLongToMint(claims: TokenClaims): boolean {
  return Buffer.byteLength(JSON.stringify(claims)) > largestClaims - addedClaims;
}

/** Access tokens: JWTs signed with the app's secret or with a further configured key. */
export class Tokens {
  readonly #platform: Platform;
  readonly #revocations: TokensOptions['revocations'];
  readonly #audience: readonly string[];
  /** Imported once, since importing costs more than verifying. */
  readonly #secret: Promise<VerifyingKey>;
  readonly #ring: Promise<KeyRing>;

  constructor(options: TokensOptions) {
    const { secret, platform, keys = [], published = [] } = options;
    this.#platform = platform;
    this.#revocations = options.revocations;
    this.#audience = options.audience ?? [];
    this.#secret = importSecret(typeof secret === 'string' ? Buffer.from(secret) : secret);
    this.#ring = this.#secret.then((own) => new KeyRing([own, ...keys], published));
    // If the secret cannot be imported, the first call that needs it rejects.
    this.#ring.catch(() => {});
  }

  /** Verifies a client's token. Never rejects because of the token. */
  async verify(token: unknown): Promise<Verified> {
    if (token === undefined) return { ok: false, detail: 'token.missing' };
    if (typeof token !== 'string' || token.length > longestToken) {
      return { ok: false, detail: 'token.invalid' };
    }
    const ring = await this.#ring;
    const signed = await ring.verify(token);
    if (!signed) return { ok: false, detail: 'token.invalid' };
    const { claims, key } = signed;
    const now = this.#platform.clock.now();
    const read = readClaims(claims, now, this.#audience);
    if (!read) return { ok: false, detail: 'token.invalid' };
    if (read.expires !== undefined && read.expires <= now) {
      return { ok: false, detail: 'token.expired' };
    }
    const identity = identityOf(token, read.auth.uid, claims);
    if (this.#revocations?.isRevoked(identity)) return { ok: false, detail: 'token.revoked' };
    // Only the app's present secret makes an admin: other issuers, and whoever knows a former secret,
    // may put into their tokens what they like.
    const isAdmin = claims.admin === true && key === (await this.#secret);
    const auth: Auth = isAdmin ? { ...read.auth, admin: true } : read.auth;
    return { ok: true, auth, token: identity, expires: read.expires };
  }

  /**
   * Signs a token. Throws a `TypeError` if `verify` would not accept it. Its `iat` is in
   * milliseconds, to be comparable with a revocation in the same second.
   */
  async mint(claims: TokenClaims): Promise<string> {
    const now = this.#platform.clock.now();
    const jti = base64url.encode(this.#platform.random.bytes(16));
    const iat = (this.#revocations?.issueTime(claims.uid) ?? Math.floor(now)) / 1000;
    const [aud] = this.#audience;
    const payload = Buffer.from(JSON.stringify({ ...claims, aud, jti, iat }));
    const read = readClaims(JSON.parse(payload.toString()) as JsonObject, now, this.#audience);
    if (payload.length > largestClaims || !read) {
      throw new TypeError(
        `a token with these claims would be longer than ${longestMinted} characters`,
      );
    }
    const { algorithm, key } = await this.#secret;
    const header = { alg: algorithm, typ: 'JWT' };
    return await new CompactSign(payload).setProtectedHeader(header).sign(key);
  }
}
