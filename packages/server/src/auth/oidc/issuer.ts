import { createHash } from 'node:crypto';
import { fail, isJsonObject, type JsonObject, ownMember, setMember } from '@really/protocol';
import type { FetchJson } from '../../platform/fetch-json.js';
import type { Log } from '../../platform/log.js';
import type { Counter } from '../../platform/metrics.js';
import type { Platform } from '../../platform/platform.js';
import { isTrustedUrl } from '../../platform/trusted-url.js';
import { isFor } from '../claims.js';
import { KeyRing } from '../keys/key-ring.js';
import { RemoteKeys } from '../keys/remote-keys.js';
import { headerOf } from '../keys/token-header.js';
import { longestToken } from '../tokens.js';

/** An issuer of ID tokens, as configured in `auth.oidc`. */
export interface IssuerConfig {
  readonly name: string;
  readonly issuer: string;
  readonly clientIds: readonly string[];
  /** Claims that become members of the token's `data`. */
  readonly data: readonly string[];
  /** By field of the user's object, the claim it is from; `undefined`: no object is created. */
  readonly user: Readonly<Record<string, string>> | undefined;
}

/** Spelled out, because it is a part of the package's types, which need none of Node's. */
export interface IssuerPorts {
  readonly fetchJson: FetchJson;
  readonly platform: Platform;
  readonly log: Log;
  readonly fetches: Counter;
}

/** Why an ID token is refused. */
export type IdTokenProblem = 'token.invalid' | 'token.expired' | 'nonce.invalid';

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
    const { issuer, data, user } = this.config;
    if (this.#keys.size === 0) await this.#keys.renew();
    if (this.#keys.size === 0)
      throw fail('server.unavailable', undefined, { meta: { retryAfter } });
    const signed = isIdToken(idToken) ? await this.#ring.verify(idToken) : undefined;
    if (!signed) return { ok: false, problem: 'token.invalid' };
    const { claims } = signed;
    const now = this.#platform.clock.now();
    const problem = idTokenProblemOf(claims, this.config, { nonce, now });
    if (problem !== undefined) return { ok: false, problem };
    const uid = uidAt(issuer, String(claims.sub));
    const named = data.map((name): [string, string] => [name, name]);
    const fields = user && selectedClaims(claims, Object.entries(user));
    return { ok: true, uid, data: selectedClaims(claims, named), fields };
  }
}

/** Seconds. */
const retryAfter = 5;

/** Access tokens of the same issuer are no ID tokens: their header says so (RFC 9068). */
function isIdToken(token: string): boolean {
  const header = token.length > longestToken ? undefined : headerOf(token);
  if (!header) return false;
  const { typ = 'JWT' } = header;
  return typeof typ === 'string' && /^(application\/)?jwt$/i.test(typ);
}

/** Allowed difference between the clocks of issuer and server, in seconds. */
const skew = 30;

/** Validates the claims of a signed ID token (OpenID Connect Core, section 3.1.3.7). */
function idTokenProblemOf(
  claims: JsonObject,
  { issuer, clientIds }: IssuerConfig,
  { nonce, now }: { readonly nonce: string | undefined; readonly now: number },
): IdTokenProblem | undefined {
  const { iss, sub, aud, azp, exp, iat, nbf } = claims;
  const seconds = now / 1000;
  if (iss !== issuer || !isSubject(sub) || !isFor(aud, clientIds)) return 'token.invalid';
  // With several audiences, `azp` has to name the one it was issued to.
  const isForMany = Array.isArray(aud) && aud.length > 1;
  if (isForMany || azp !== undefined) {
    if (typeof azp !== 'string' || !clientIds.includes(azp)) return 'token.invalid';
  }
  if (!isTime(exp) || !isTime(iat) || iat > seconds + skew) return 'token.invalid';
  if (nbf !== undefined && !(isTime(nbf) && nbf <= seconds + skew)) return 'token.invalid';
  // Logout tokens are signed alike and look much like ID tokens.
  if (claims.events !== undefined) return 'token.invalid';
  if (exp <= seconds - skew) return 'token.expired';
  return claims.nonce === nonce ? undefined : 'nonce.invalid';
}

const isTime = (value: unknown): value is number => Number.isFinite(value);

/** OpenID Connect Core, section 2. */
const isSubject = (sub: unknown): sub is string =>
  typeof sub === 'string' && sub !== '' && sub.length <= 255;

/** The uid of an issuer's subject: stable, unique, and valid as an object id. */
function uidAt(issuer: string, sub: string): string {
  const digest = createHash('sha256').update(JSON.stringify([issuer, sub]));
  return `oidc-${digest.digest('base64url')}`;
}

/** Picks claims by pairs of new name and claim name, leaving out missing ones. */
function selectedClaims(
  claims: JsonObject,
  names: readonly (readonly [string, string])[],
): JsonObject {
  const found: JsonObject = {};
  for (const [name, claim] of names) {
    const value = ownMember(claims, claim);
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
