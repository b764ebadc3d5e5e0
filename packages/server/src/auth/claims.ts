import {
  type Auth,
  infiniteIn,
  isDeeperThan,
  isJsonObject,
  type JsonObject,
  parseR,
} from '@really/protocol';

/** The claims of a token with a good signature. */
export interface Claims {
  readonly auth: Auth;
  /** Milliseconds since the Unix epoch; `undefined`: never. */
  readonly expires: number | undefined;
}

/** The last instant that a `Date` can hold. Later values are treated as "never". */
const lastInstant = 8.64e15;

/** Levels of `data`; deeper data could not be passed to a worker thread. */
const deepestData = 1000;

/** An ISO 8601 date, or an instant with or without seconds, fraction and zone (default UTC). */
const iso =
  /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/**
 * Reads the claims of a token (rule AUT2). `undefined` if they are invalid: a claim has a wrong
 * type, or `aud` names none of `audience`, unless that is empty.
 */
export function readClaims(
  claims: JsonObject,
  now: number,
  audience: readonly string[] = [],
): Claims | undefined {
  const { uid, authType, data, _r, jti, iat, nbf = 0 } = claims;
  if (typeof uid !== 'string' || uid === '') return undefined;
  if (!isOptional(authType, isText) || !isOptional(data, isPlain)) return undefined;
  if (!isOptional(jti, isText) || !isOptional(iat, isNumber)) return undefined;
  if (!isNumber(nbf) || nbf * 1000 > now) return undefined;
  if (audience.length > 0 && !isFor(claims.aud, audience)) return undefined;
  // Of the user's own object; rules compare it with printed Rs.
  const own = _r === undefined ? undefined : parseR(_r);
  if (_r !== undefined && own?.kind !== 'object') return undefined;
  const expires = readExpiry(claims);
  if (expires === 'invalid') return undefined;
  return { auth: { uid, authType, _r: own?.r, data }, expires };
}

/** True if `aud` (RFC 7519, section 4.1.3) names one of these. */
export function isFor(aud: unknown, audience: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return named.some((name) => isText(name) && audience.includes(name));
}

/** Milliseconds since the Unix epoch; `undefined`: never. */
type Expiry = number | undefined | 'invalid';

/** The earlier of `expires` and the standard `exp`. */
function readExpiry({ expires, exp }: JsonObject): Expiry {
  const own = readExpires(expires);
  if (own === 'invalid' || !isOptional(exp, isNumber)) return 'invalid';
  const ends = [own, exp === undefined ? undefined : exp * 1000].filter(isNumber);
  return ends.length === 0 ? undefined : Math.min(...ends, lastInstant);
}

/** Reads `expires` of a token or of a request for one. */
export function readExpires(expires: unknown): Expiry {
  if (expires === undefined || expires === 0) return undefined;
  if (isNumber(expires)) return expires;
  return typeof expires === 'string' ? parseInstant(expires) : 'invalid';
}

function parseInstant(text: string): number | 'invalid' {
  if (!iso.test(text)) return 'invalid';
  const full = text.toUpperCase().replace(' ', 'T').replace(',', '.');
  // `+01` and `+0100` are ISO 8601 too, but only `+01:00` is parsed by every engine.
  const zoned = full.replace(/([+-]\d{2})(\d{2})?$/, withColon);
  const at = Date.parse(
    !full.includes('T') || /(?:Z|[+-]\d{2}:\d{2})$/.test(zoned) ? zoned : `${zoned}Z`,
  );
  return Number.isNaN(at) ? 'invalid' : at;
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

/** An object that can be passed to scripts and filters. */
const isPlain = (value: unknown): value is JsonObject =>
  isJsonObject(value) && !isDeeperThan(value, deepestData) && infiniteIn(value) === undefined;
