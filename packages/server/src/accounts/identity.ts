import { type Auth, isJsonObject, type JsonObject } from '@really/protocol';

/** The claims of an issuer about a user at the last login. Stored at `/_identities/<uid>`. */
export interface Identity {
  readonly data: JsonObject;
  /** The user's object, where the app creates one. */
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

/** True for a token from a login here, which had an account, rather than one minted by the app. */
export function isOfLogin({ uid, authType, _r, data }: Auth): boolean {
  // Uids of older accounts are no ids of objects.
  const isUid = /^\d{10,19}$/.test(uid) ? _r?.endsWith(`/${uid}`) : /^[0-9a-f]{32}$/.test(uid);
  const isKnown = typeof data?.email === 'string' && typeof data.emailVerified === 'boolean';
  return authType === 'password' && isUid === true && isKnown && _r !== undefined;
}
