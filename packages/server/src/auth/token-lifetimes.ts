import type { ValidToken } from './tokens.js';

const day = 24 * 60 * 60 * 1000;

/** Lifetimes of tokens that the server issues itself, in milliseconds by authType. */
export interface TokenLifetimes {
  readonly anonymous: number;
  readonly password: number;
  readonly oidc: number;
}

/**
 * Milliseconds that a renewed token is valid; `undefined`: forever. For a foreign authType it is
 * the lifetime of the old token, or a day if that is not known.
 */
export function lifetimeOf(
  { auth, token, expires }: ValidToken,
  lives: TokenLifetimes,
): number | undefined {
  const { authType = '' } = auth;
  if (Object.hasOwn(lives, authType)) return lives[authType as keyof TokenLifetimes];
  if (expires === undefined) return undefined;
  return token.issuedAt === undefined ? day : Math.max(1, expires - token.issuedAt);
}
