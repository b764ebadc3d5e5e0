import { fail, isJsonObject, type JsonObject, setMember } from '@really/protocol';
import type { FetchJson } from '../../platform/fetch-json.js';
import type { Log } from '../../platform/log.js';
import type { Counter } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import { isTrustedUrl } from '../../platform/trusted-url.js';
import { KeyRing } from '../keys/key-ring.js';
import { RemoteKeys } from '../keys/remote-keys.js';
import { headerOf, verifyToken } from '../keys/verify-token.js';
import { longestToken } from '../tokens.js';
import { type IdTokenProblem, uidAt, validateIdToken } from './id-token.js';

/** An issuer of ID tokens, as configured in `auth.oidc`. */
export interface IssuerConfig {
  readonly name: string;
  readonly issuer: string;
  readonly clientIds: readonly string[];
  /** Claims that become members of the token's `data`. */
  readonly data: readonly string[];
  /**
   * By field of the user's object, the claim it is taken from; `undefined`: no object is created.
   */
  readonly user: Readonly<Record<string, string>> | undefined;
}

export interface IssuerPorts {
  readonly fetchJson: FetchJson;
  readonly platform: Platform;
  readonly log: Log;
  readonly fetches: Counter;
}

export type ProvenIdentity =
  | {
      readonly ok: true;
      readonly uid: string;
      readonly data: JsonObject;
      /** Fields of the user's object. */
      readonly fields: JsonObject | undefined;
    }
  | { readonly ok: false; readonly problem: IdTokenProblem };

/** Authenticates users by an issuer's ID tokens (rule AUT11). */
export class Issuer {
  readonly config: IssuerConfig;
  readonly #platform: Platform;
  readonly #keys: RemoteKeys;
  readonly #ring: KeyRing;

  constructor(config: IssuerConfig, ports: IssuerPorts) {
    this.config = config;
    this.#platform = ports.platform;
    this.#keys = new RemoteKeys({ ...ports, url: () => findKeys(config.issuer, ports.fetchJson) });
    this.#ring = new KeyRing([], [this.#keys]);
  }

  /** Number of known keys. */
  get size(): number {
    return this.#keys.size;
  }

  start(): void {
    this.#keys.start();
  }

  close(): void {
    this.#keys.close();
  }

  /** Rejects with 503 if the issuer's keys could not be fetched yet. */
  async prove(idToken: string, nonce: string | undefined): Promise<ProvenIdentity> {
    const { issuer, clientIds, data, user } = this.config;
    if (this.#keys.size === 0) await this.#keys.renew();
    if (this.#keys.size === 0)
      throw fail('server.unavailable', undefined, { meta: { retryAfter } });
    const signed = isIdToken(idToken) ? await verifyToken(idToken, this.#ring) : undefined;
    if (!signed) return { ok: false, problem: 'token.invalid' };
    const { claims } = signed;
    const now = this.#platform.clock.now();
    const problem = validateIdToken(claims, { issuer, clientIds, nonce, now });
    if (problem !== undefined) return { ok: false, problem };
    const uid = uidAt(issuer, String(claims.sub));
    const named = data.map((name): [string, string] => [name, name]);
    const fields = user && selectedClaims(claims, Object.entries(user));
    return { ok: true, uid, data: selectedClaims(claims, named), fields };
  }
}

/** Seconds. */
const retryAfter = 5;

/**
 * Access tokens of the same issuer (RFC 9068) say so in their header, and are not accepted as ID
 * tokens.
 */
function isIdToken(token: string): boolean {
  const header = token.length > longestToken ? undefined : headerOf(token);
  if (!header) return false;
  const { typ = 'JWT' } = header;
  return typeof typ === 'string' && /^(application\/)?jwt$/i.test(typ);
}

/** Picks claims by pairs of new name and claim name, leaving out missing ones. */
function selectedClaims(
  claims: JsonObject,
  names: readonly (readonly [string, string])[],
): JsonObject {
  const found: JsonObject = {};
  for (const [name, claim] of names) {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
    if (value !== undefined) setMember(found, name, value);
  }
  return found;
}

/** OpenID Connect Discovery, section 4. */
async function findKeys(issuer: string, fetchJson: FetchJson): Promise<string> {
  const at = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = await fetchJson(at);
  const { issuer: named, jwks_uri: keys } = isJsonObject(found) ? found : {};
  if (named !== issuer) throw new Error('the discovery document is of another issuer');
  if (typeof keys !== 'string' || !isTrustedUrl(keys)) {
    throw new Error('the discovery document has no trusted jwks_uri');
  }
  return keys;
}
