import type { TokenLifetimes } from './token-lifetimes.js';

const day = 24 * 60 * 60 * 1000;

export const defaultTokenLifetimes: TokenLifetimes = {
  anonymous: day,
  password: 7 * day,
  oidc: 7 * day,
};
