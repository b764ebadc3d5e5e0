import type { Auth } from '@really/protocol';
import { setAsker } from '../model/asker.js';

/** A connection or request, as far as it matters for whose turn it is. */
export interface Requester {
  readonly auth: Auth;
  /** Where it comes from; unknown for what the server does by itself. */
  readonly address?: string | undefined;
}

/**
 * Whose turn a read takes (rule LIM13): that of its user; but a new anonymous token is to be had for the asking, so that all of an
 * address are one.
 */
export function ownerOf(asking: Requester): string {
  return isAnyone(asking) ? `address ${asking.address}` : `uid ${asking.auth.uid}`;
}

/** Takes note of whose turn scripts take that run for this token, or what is known by it (rule LIM24): the same one's. */
export function asksAsOwner(asking: Requester): void {
  if (isAnyone(asking)) setAsker(asking.auth, ownerOf(asking));
}

function isAnyone({ auth, address }: Requester): boolean {
  return auth.authType === 'anonymous' && address !== undefined;
}
