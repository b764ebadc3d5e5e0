import type { Auth, JsonObject } from '@really/protocol';
import { base64url, CompactSign } from 'jose';
import type { Platform } from '../platform/platform.js';
import { readClaims } from './claims.js';
import { importSecret } from './keys/import-key.js';
import { KeyRing } from './keys/key-ring.js';
import type { RemoteKeys } from './keys/remote-keys.js';
import { verifyToken } from './keys/verify-token.js';
import type { VerifyingKey } from './keys/verifying-key.js';
import type { Revocations } from './revocations.js';
import { identityOf, type TokenIdentity } from './token-identity.js';

/** Why a token is refused, as `errors.accessToken` tells it (rule SES2). */
export type TokenRefusal = 'token.missing' | 'token.invalid' | 'token.expired' | 'token.revoked';

export type Verified =
  | {
      readonly ok: true;
      readonly auth: Auth;
      /** What it can be revoked by. */
      readonly token: TokenIdentity;
      /** Milliseconds since the Unix epoch; `undefined`: never. */
      readonly expires: number | undefined;
    }
  | { readonly ok: false; readonly detail: TokenRefusal };

export interface TokenClaims {
  readonly uid: string;
  readonly authType?: string | undefined;
  readonly _r?: string | undefined;
  readonly data?: JsonObject | undefined;
  /** Milliseconds since the Unix epoch; missing: never. */
  readonly expires?: number | undefined;
}

export interface TokensOptions {
  /** Signs, and verifies. */
  readonly secret: Uint8Array | string;
  /** Further keys that verify: those of others, and secrets that signed before. */
  readonly keys?: readonly VerifyingKey[] | undefined;
  /** Keys that others publish. */
  readonly published?: readonly RemoteKeys[] | undefined;
  /** Names of this app: a token has to be for one of them. None: whoever it is for. */
  readonly audience?: readonly string[] | undefined;
  readonly platform: Platform;
  /** Without them no token is revoked. */
  readonly revocations?: Pick<Revocations, 'isRevoked' | 'issueTime'> | undefined;
}

/** Characters of a token: what is longer is refused before anything is made of it. */
export const longestToken = 16 * 1024;

/** Characters of a token that is minted: it has to fit into the header of an HTTP request. */
export const longestMinted = 8 * 1024;

/** Bytes of the claims of one that is minted: base64 and the signature add a third and a few more. */
const largestClaims = longestMinted * 0.7;

/** Bytes of `iat`, `jti`, `aud` and `expires`, which come to the claims of a token that is renewed. */
const addedClaims = 400;

/** Whether a token that is good says more than one that is minted may. */
export function isTooLongToMint(claims: TokenClaims): boolean {
  return Buffer.byteLength(JSON.stringify(claims)) > largestClaims - addedClaims;
}

/** Access tokens: JWTs, signed with the app's secret or with a key that is configured beside it. */
export class Tokens {
  readonly #platform: Platform;
  readonly #revocations: TokensOptions['revocations'];
  readonly #audience: readonly string[];
  /** Imported once: importing costs more than verifying. */
  readonly #secret: Promise<VerifyingKey>;
  readonly #ring: Promise<KeyRing>;

  constructor(options: TokensOptions) {
    const { secret, platform, keys = [], published = [] } = options;
    this.#platform = platform;
    this.#revocations = options.revocations;
    this.#audience = options.audience ?? [];
    this.#secret = importSecret(typeof secret === 'string' ? Buffer.from(secret) : secret);
    this.#ring = this.#secret.then((own) => new KeyRing([own, ...keys], published));
    // A secret that cannot be imported is told by the first call that needs it.
    this.#ring.catch(() => {});
  }

  /** Judges what a client sent as its token. Never rejects for what the client sent. */
  async verify(token: unknown): Promise<Verified> {
    if (token === undefined) return { ok: false, detail: 'token.missing' };
    if (typeof token !== 'string' || token.length > longestToken) {
      return { ok: false, detail: 'token.invalid' };
    }
    const claims = await verifyToken(token, await this.#ring);
    if (!claims) return { ok: false, detail: 'token.invalid' };
    const now = this.#platform.clock.now();
    const read = readClaims(claims, now, this.#audience);
    if (read.kind === 'invalid') return { ok: false, detail: 'token.invalid' };
    if (read.expires !== undefined && read.expires <= now) {
      return { ok: false, detail: 'token.expired' };
    }
    const identity = identityOf(token, read.auth.uid, claims);
    if (this.#revocations?.isRevoked(identity)) return { ok: false, detail: 'token.revoked' };
    return { ok: true, auth: read.auth, token: identity, expires: read.expires };
  }

  /**
   * Signs a token. Throws a `TypeError` where `verify` would not take it. Its `iat` is to the millisecond,
   * so that it is known whether it was made before or after a revocation of the same second.
   */
  async mint(claims: TokenClaims): Promise<string> {
    const now = this.#platform.clock.now();
    const jti = base64url.encode(this.#platform.random.bytes(16));
    const iat = (this.#revocations?.issueTime(claims.uid) ?? Math.floor(now)) / 1000;
    const [aud] = this.#audience;
    const payload = Buffer.from(JSON.stringify({ ...claims, aud, jti, iat }));
    const read = readClaims(JSON.parse(payload.toString()) as JsonObject, now, this.#audience);
    if (payload.length > largestClaims || read.kind === 'invalid') {
      throw new TypeError(`these claims make no token of ${longestMinted} characters or fewer`);
    }
    const { algorithm, key } = await this.#secret;
    const header = { alg: algorithm, typ: 'JWT' };
    return await new CompactSign(payload).setProtectedHeader(header).sign(key);
  }
}
