import type { Auth } from '@really/protocol';

/**
 * Whether neither a rule nor a script nor another user can tell these tokens apart. Scripts see the
 * order of the members of `data`, too.
 */
export function isSameAuth(one: Auth, other: Auth): boolean {
  return textOf(one) === textOf(other);
}

function textOf({ uid, authType, _r, data, admin }: Auth): string {
  return JSON.stringify([uid, authType, _r, data, admin]);
}
