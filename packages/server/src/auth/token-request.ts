import {
  type FieldErrors,
  fail,
  inexactIn,
  isJsonObject,
  type JsonObject,
  parseR,
} from '@really/protocol';
import { readExpires } from './claims.js';
import { isTooLongToMint, type TokenClaims } from './tokens.js';

/** Characters of the JSON of a token's `data`, so that the token fits into a header. */
const largestData = 4096;
const longestText = 256;

/** Rule AUT4. Null counts as absent. Throws 400 with everything that is wrong. */
export function readTokenRequest(body: JsonObject): TokenClaims {
  const errors: FieldErrors = {};
  const { uid, authType, expires, _r, data, admin } = withoutNulls(body);
  if (!isText(uid) || uid === '') errors.uid = [textError(uid)];
  if (authType !== undefined && !isText(authType)) errors.authType = [textError(authType)];
  if (data !== undefined && !isJsonObject(data)) errors.data = ['expected.object'];
  else if (data !== undefined && isTooLarge(data)) errors.data = ['too.large'];
  else if (data !== undefined) Object.assign(errors, numberErrors(data, 'data'));
  const own = _r === undefined ? undefined : parseR(_r);
  if (_r !== undefined && own?.kind !== 'object') errors._r = ['expected.object.r'];
  else if (own && own.r.length > longestText) errors._r = ['too.long'];
  if (admin !== undefined && typeof admin !== 'boolean') errors.admin = ['expected.boolean'];
  const end = readExpires(expires);
  if (end === 'invalid') errors.expires = ['expected.instant'];
  if (end === 'invalid' || Object.keys(errors).length > 0) throw fail('request.invalid', errors);
  const request = {
    uid: String(uid),
    authType: isText(authType) ? authType : undefined,
    _r: own?.r,
    data: isJsonObject(data) ? data : undefined,
    ...(admin === true && { admin }),
    expires: end,
  };
  // Each is within its limit, but together and encoded they are too large.
  if (isTooLongToMint(request)) throw fail.invalid('data', 'too.large');
  return request;
}

/** True if the data does not fit into a token. */
export const isTooLarge = (data: JsonObject): boolean =>
  Buffer.byteLength(JSON.stringify(data)) > largestData;

/** Errors by path for a number that JSON would not preserve; at most one is reported. */
export function numberErrors(data: JsonObject, name: string): FieldErrors {
  const path = inexactIn(data);
  if (path === undefined) return {};
  return Object.fromEntries([[`${name}${path}`.replace(/^\./, ''), ['number.out.of.range']]]);
}

function withoutNulls(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= longestText;

const textError = (value: unknown): string =>
  typeof value === 'string' && value !== '' ? 'too.long' : 'expected.string';
