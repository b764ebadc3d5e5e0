import type { Auth } from '@really/protocol';

/** A connection or request, as far as it matters for whose turn it is. */
export interface Asking {
  readonly auth: Auth;
  /** Where it comes from; unknown for what the server does by itself. */
  readonly address?: string | undefined;
}

/**
 * Whose turn a read takes (rule LIM13): that of its user; but a new anonymous token is to be had for the asking, so that all of an
 * address are one.
 */
export function ownerOf({ auth, address }: Asking): string {
  const isAnyone = auth.authType === 'anonymous' && address !== undefined;
  return isAnyone ? `address ${address}` : `uid ${auth.uid}`;
}
