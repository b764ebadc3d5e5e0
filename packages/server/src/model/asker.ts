import type { Auth, JsonObject, JsonValue } from '@really/protocol';

/** Requesters that differ from the uid: see `setAsker`. */
const askers = new WeakMap<Auth | JsonObject, string>();

/** Sets the requester that script calls with this `auth` are charged to, such as one for all anonymous tokens of an address. */
export function setAsker(auth: Auth | JsonObject, asker: string): void {
  askers.set(auth, asker);
}

/** The requester that script calls with this `auth` are charged to, for taking turns; '' is the server itself. */
export function askerOf(auth: Auth | JsonValue | undefined): string {
  if (typeof auth !== 'object' || auth === null || !('uid' in auth)) return '';
  return askers.get(auth) ?? `uid ${auth.uid}`;
}

/** Makes a copy of an `auth` count as the same requester. */
export function askAlike(copy: JsonObject, auth: Auth): void {
  const asker = askers.get(auth);
  if (asker !== undefined) askers.set(copy, asker);
}
