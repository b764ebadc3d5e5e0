import type { Auth } from '@really/protocol';
import { setScriptOwner } from '../model/script-owner.js';

/** A connection or request, for fair limits. */
export interface Requester {
  readonly auth: Auth;
  /** Remote address; `undefined` for the server itself. */
  readonly address?: string | undefined;
}

/**
 * The owner of a read for fair limits (rule LIM13): its user, or its address for anonymous users,
 * since anyone can get new anonymous tokens.
 */
export function ownerOf(requester: Requester): string {
  return isAnonymous(requester) ? `address ${requester.address}` : `uid ${requester.auth.uid}`;
}

/** Sets the owner of scripts that run for this token to that of its reads (rule LIM24). */
export function chargeScriptsToOwner(requester: Requester): void {
  if (isAnonymous(requester)) setScriptOwner(requester.auth, ownerOf(requester));
}

function isAnonymous(requester: Requester): boolean {
  return requester.auth.authType === 'anonymous' && requester.address !== undefined;
}
