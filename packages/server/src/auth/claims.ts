import { type Auth, infiniteIn, isDeeperThan, type JsonObject, parseR } from '@really/protocol';

/** The claims of a token with a good signature. */
export type Claims =
  | {
      readonly kind: 'valid';
      readonly auth: Auth;
      /** Milliseconds since the Unix epoch; `undefined`: never. */
      readonly expires: number | undefined;
    }
  | { readonly kind: 'invalid' };

const invalid: Claims = { kind: 'invalid' };

/** The last instant that a `Date` can hold. Later values are treated as "never". */
const lastInstant = 8.64e15;

/** Levels of `data`; deeper data could not be passed to a worker thread. */
const deepestData = 1000;

/** An ISO 8601 date, or an instant with or without seconds, fraction and zone (default UTC). */
const iso =
  /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * Reads the claims of a token (rule AUT2): a claim of a wrong type makes the token invalid, and so
 * does an `aud` that names none of `audience`, unless that is empty.
 */
export function readClaims(
  claims: JsonObject,
  now: number,
  audience: readonly string[] = [],
): Claims {
  const { uid, authType, data } = claims;
  if (typeof uid !== 'string' || uid === '') return invalid;
  if (!isOptional(authType, isText) || !isOptional(data, isObject)) return invalid;
  if (data !== undefined && !isPlain(data)) return invalid;
  if (!isOptional(claims.jti, isText) || !isOptional(claims.iat, isNumber)) return invalid;
  if (!isOptional(claims.nbf, isNumber) || (claims.nbf ?? 0) * 1000 > now) return invalid;
  if (audience.length > 0 && !isFor(claims.aud, audience)) return invalid;
  const own = readOwnR(claims._r);
  const expires = readExpiry(claims);
  if (own.kind === 'invalid' || expires.kind === 'invalid') return invalid;
  return { kind: 'valid', auth: { uid, authType, _r: own.r, data }, expires: expires.at };
}

/** True if the data can be passed to scripts and filters. */
function isPlain(data: JsonObject): boolean {
  return !isDeeperThan(data, deepestData) && infiniteIn(data) === undefined;
}

/** True if `aud` (RFC 7519, section 4.1.3) names one of these. */
export function isFor(aud: unknown, audience: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return named.some((name) => isText(name) && audience.includes(name));
}

/** `_r` is the R of the user's own object; rules compare it with printed Rs. */
function readOwnR(claim: unknown): { kind: 'read'; r: string | undefined } | { kind: 'invalid' } {
  if (claim === undefined) return { kind: 'read', r: undefined };
  const parsed = parseR(claim);
  return parsed?.kind === 'object' ? { kind: 'read', r: parsed.r } : { kind: 'invalid' };
}

export type Expiry = { kind: 'read'; at: number | undefined } | { kind: 'invalid' };

/** The earlier of `expires` and the standard `exp`. */
function readExpiry({ expires, exp }: JsonObject): Expiry {
  if (!isOptional(exp, isNumber)) return { kind: 'invalid' };
  const own = readExpires(expires);
  if (own.kind === 'invalid') return own;
  const ends = [own.at, exp === undefined ? undefined : exp * 1000].filter(isNumber);
  if (ends.length === 0) return { kind: 'read', at: undefined };
  return { kind: 'read', at: Math.min(...ends, lastInstant) };
}

/** Reads `expires` of a token or of a request for one. */
export function readExpires(expires: unknown): Expiry {
  if (expires === undefined || expires === 0) return { kind: 'read', at: undefined };
  if (isNumber(expires)) return { kind: 'read', at: expires };
  const at = typeof expires === 'string' ? parseInstant(expires) : undefined;
  return at === undefined ? { kind: 'invalid' } : { kind: 'read', at };
}

function parseInstant(text: string): number | undefined {
  if (!iso.test(text)) return undefined;
  const full = text.toUpperCase().replace(' ', 'T').replace(',', '.');
  // `+01` and `+0100` are ISO 8601 too, but only `+01:00` is parsed by every engine.
  const zoned = full.replace(/([+-]\d{2})(\d{2})?$/, withColon);
  const at = Date.parse(
    !full.includes('T') || /(?:Z|[+-]\d{2}:\d{2})$/.test(zoned) ? zoned : `${zoned}Z`,
  );
  return Number.isNaN(at) ? undefined : at;
}

function withColon(zone: string, hours: string, minutes: string | undefined, at: number): string {
  // A date ends with `-DD`, which is not a zone.
  return at <= 'YYYY-MM'.length ? zone : `${hours}:${minutes ?? '00'}`;
}

function isOptional<T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined {
  return value === undefined || is(value);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
