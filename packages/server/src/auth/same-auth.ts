import type { Auth } from '@really/protocol';

/** Whether no rule, script or user can tell them apart. Scripts see the order in `data`, too. */
export function isSameAuth(one: Auth, other: Auth): boolean {
  return textOf(one) === textOf(other);
}

function textOf({ uid, authType, _r, data, admin }: Auth): string {
  return JSON.stringify([uid, authType, _r, data, admin]);
}
