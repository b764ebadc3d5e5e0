import { fail } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { lifetimeOf } from '../../../auth/token-lifetimes.js';
import { isTooLongToMint } from '../../../auth/tokens.js';
import { authRoute } from './auth-route.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';
import { type Caller, callerOf } from './caller.js';

/** Limit of bytes per body, which is ignored here. */
const largestBody = 1024;

/**
 * Tokens of one uid that its owner may have revoked at a time, so that nobody can fill the server's
 * memory.
 */
const maxRevoked = 1000;

/** Seconds after which an owner at that limit may retry. */
const revokeLater = 60;

/** Rules AUT3 and AUT5: what the owner of an active token may do with it. */
export function selfRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const { jsonLimits, origins } = options;
  const run = (action: (caller: Caller, options: AuthRoutesOptions) => Promise<object>) => {
    return async (_body: unknown, request: FastifyRequest) =>
      await action(await callerOf(request, options), options);
  };
  const common = { jsonLimits, origins, largest: largestBody };
  authRoute(app, { ...common, path: '/auth/refresh', run: run(refresh) });
  authRoute(app, { ...common, path: '/auth/logout', run: run(logout) });
}

async function refresh(caller: Caller, options: AuthRoutesOptions): Promise<object> {
  const { tokens, revocations, platform, audit, privilegedWrites, tokenLifetimes } = options;
  const { address, token } = caller;
  const auth = await privilegedWrites.current(caller.auth);
  if (!auth) {
    audit.record('token.refused', { address, uid: caller.auth.uid, reason: 'user.deleted' });
    throw fail('invalid/incorrect/expired access token', { accessToken: ['token.revoked'] });
  }
  // Signed elsewhere: the server's own tokens are never that long.
  if (isTooLongToMint(auth)) throw fail.invalid('accessToken', 'too.long');
  const life = lifetimeOf(caller, tokenLifetimes);
  const expires = life === undefined ? undefined : platform.clock.now() + life;
  const accessToken = await tokens.mint({ ...auth, expires });
  // A revocation during the mint is older than the fresh token, and would not apply to it.
  if (revocations.isRevoked(token)) {
    throw fail('invalid/incorrect/expired access token', { accessToken: ['token.revoked'] });
  }
  audit.record('token.refreshed', { address, uid: auth.uid, authType: auth.authType });
  return { authType: auth.authType, accessToken };
}

async function logout(caller: Caller, options: AuthRoutesOptions): Promise<object> {
  const { revocations, audit } = options;
  const { auth, address, token, expires } = caller;
  if (revocations.revokedTokensOf(auth.uid) >= maxRevoked) {
    throw fail('rate.limited', undefined, { meta: { retryAfter: revokeLater } });
  }
  await revocations.revokeToken(token, expires);
  audit.record('token.revoked', { address, uid: auth.uid, by: 'owner' });
  return {};
}
