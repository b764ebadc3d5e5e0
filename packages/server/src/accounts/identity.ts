import { type Auth, isJsonObject, type JsonObject } from '@really/protocol';

/** What an issuer said of somebody at their last login. Kept at `/_identities/<uid>`. */
export interface Identity {
  readonly data: JsonObject;
  /** The user's object, where the app has one made. */
  readonly r?: string | undefined;
}

/** The collection of the records. */
export const identitiesName = '_identities';

export function identityR(uid: string): string {
  return `/${identitiesName}/${uid}`;
}

export function identityRecord({ data, r }: Identity): JsonObject {
  return { data, ...(r !== undefined && { r }) };
}

export function readIdentity({ data, r }: JsonObject): Identity {
  return { data: isJsonObject(data) ? data : {}, r: typeof r === 'string' ? r : undefined };
}

/** Whether a token was given out by a login here, and not minted by the app: there was an account then. */
export function isOfLogin({ uid, authType, _r, data }: Auth): boolean {
  const isUid = /^[0-9a-f]{32}$/.test(uid);
  const isKnown = typeof data?.email === 'string' && typeof data.emailVerified === 'boolean';
  return authType === 'password' && isUid && isKnown && _r !== undefined;
}
