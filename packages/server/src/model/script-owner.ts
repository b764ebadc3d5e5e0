import type { Auth, JsonObject, JsonValue } from '@really/protocol';

/** Owners that differ from the uid: see `setScriptOwner`. */
const owners = new WeakMap<Auth | JsonObject, string>();

/** Sets the owner that script calls with this `auth` are charged to, such as one for all anonymous tokens of an address. */
export function setScriptOwner(auth: Auth | JsonObject, owner: string): void {
  owners.set(auth, owner);
}

/** The owner that script calls with this `auth` are charged to, for taking turns; '' is the server itself. */
export function scriptOwnerOf(auth: Auth | JsonValue | undefined): string {
  if (typeof auth !== 'object' || auth === null || !('uid' in auth)) return '';
  return owners.get(auth) ?? `uid ${auth.uid}`;
}
