import type { TokenIdentity } from './token-identity.js';

const day = 24 * 60 * 60 * 1000;

/** Milliseconds that tokens are good for which the server gives out by itself, by their authType. */
export interface TokenLifetimes {
  readonly anonymous: number;
  readonly password: number;
  readonly oidc: number;
}

export const defaultTokenLifetimes: TokenLifetimes = {
  anonymous: day,
  password: 7 * day,
  oidc: 7 * day,
};

export interface IssuedToken {
  readonly auth: { readonly authType?: string | undefined };
  readonly token: TokenIdentity;
  /** Milliseconds since the Unix epoch; `undefined`: never. */
  readonly expires: number | undefined;
}

/**
 * Milliseconds that a token in place of this one is good for; `undefined`: for good. Of an authType
 * that is not the server's own it is as long as the token itself was, and a day where that is not known.
 */
export function lifetimeOf(
  { auth, token, expires }: IssuedToken,
  lives: TokenLifetimes,
): number | undefined {
  const { authType = '' } = auth;
  if (Object.hasOwn(lives, authType)) return lives[authType as keyof TokenLifetimes];
  if (expires === undefined) return undefined;
  return token.issuedAt === undefined ? day : Math.max(1, expires - token.issuedAt);
}
