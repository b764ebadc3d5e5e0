import type { Auth, JsonObject, JsonValue } from '@really/protocol';

/** Of those for whom it is another than their uid: see `setAsker`. */
const askers = new WeakMap<Auth | JsonObject, string>();

/** From now on this is whose calls of scripts those of `auth` are: of all anonymous tokens of an address, for example. */
export function setAsker(auth: Auth | JsonObject, asker: string): void {
  askers.set(auth, asker);
}

/** Whose calls of scripts those of `auth` are, where scripts take turns; '' is the server itself. */
export function askerOf(auth: Auth | JsonValue | undefined): string {
  if (typeof auth !== 'object' || auth === null || !('uid' in auth)) return '';
  return askers.get(auth) ?? `uid ${auth.uid}`;
}

/** The one is a copy of the other, and asks as it does. */
export function askAlike(copy: JsonObject, auth: Auth): void {
  const asker = askers.get(auth);
  if (asker !== undefined) askers.set(copy, asker);
}
