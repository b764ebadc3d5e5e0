import { subtle, type webcrypto } from 'node:crypto';
import type { Auth, JsonObject } from '@really/protocol';
import { base64url, CompactSign, compactVerify } from 'jose';
import type { Platform } from '../platform/platform.js';
import { readClaims } from './claims.js';
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
  readonly secret: Uint8Array | string;
  readonly platform: Platform;
  /** Without them no token is revoked. */
  readonly revocations?: Pick<Revocations, 'isRevoked' | 'issueTime'> | undefined;
}

/** Characters of a token: what is longer is refused before anything is made of it. */
export const longestToken = 16 * 1024;

/** Characters of a token that is minted: it has to fit into the header of an HTTP request. */
export const longestMinted = 8 * 1024;

/** The only algorithm that is configured: `none` and every other are refused (rule AUT2). */
const algorithm = 'HS256';

/** Access tokens: JWTs signed with the app's secret. */
export class Tokens {
  readonly #platform: Platform;
  readonly #revocations: TokensOptions['revocations'];
  /** Imported once: importing costs more than verifying. */
  readonly #key: Promise<webcrypto.CryptoKey>;

  constructor(options: TokensOptions) {
    const { secret, platform } = options;
    this.#platform = platform;
    this.#revocations = options.revocations;
    this.#key = importSecret(
      typeof secret === 'string' ? new TextEncoder().encode(secret) : secret,
    );
    // A secret that cannot be imported is told by the first call that needs it.
    this.#key.catch(() => {});
  }

  /** Judges what a client sent as its token. Never rejects for what the client sent. */
  async verify(token: unknown): Promise<Verified> {
    if (token === undefined) return { ok: false, detail: 'token.missing' };
    if (typeof token !== 'string' || token.length > longestToken) {
      return { ok: false, detail: 'token.invalid' };
    }
    const claims = await this.#open(token);
    if (!claims) return { ok: false, detail: 'token.invalid' };
    const now = this.#platform.clock.now();
    const read = readClaims(claims, now);
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
    const payload = JSON.stringify({ ...claims, jti, iat });
    // Base64 and the signature add a third and a few more.
    const isShort = payload.length < longestMinted * 0.7;
    if (!isShort || readClaims(JSON.parse(payload) as JsonObject, now).kind === 'invalid') {
      throw new TypeError('these claims make no valid token');
    }
    return new CompactSign(new TextEncoder().encode(payload))
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .sign(await this.#key);
  }

  /** The claims of a token whose signature is good. */
  async #open(token: string): Promise<JsonObject | undefined> {
    const key = await this.#key;
    try {
      const { payload, protectedHeader } = await compactVerify(token, key, {
        algorithms: [algorithm],
      });
      // A JWT's payload is encoded (RFC 7797, section 7), whatever its header says.
      if (protectedHeader.b64 === false) return undefined;
      return parseClaims(payload);
    } catch {
      return undefined;
    }
  }
}

function importSecret(secret: Uint8Array): Promise<webcrypto.CryptoKey> {
  const kind = { name: 'HMAC', hash: 'SHA-256' };
  return subtle.importKey('raw', Uint8Array.from(secret), kind, false, ['sign', 'verify']);
}

function parseClaims(payload: Uint8Array): JsonObject | undefined {
  const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims);
  return isObject ? (claims as JsonObject) : undefined;
}
