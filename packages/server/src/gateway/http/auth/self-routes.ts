import { fail } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { lifetimeOf } from '../../../auth/token-lifetimes.js';
import { isTooLongToMint } from '../../../auth/tokens.js';
import type { AppDeps } from '../../app-deps.js';
import { authRoute } from './auth-route.js';
import { type Caller, callerOf } from './caller.js';

/** Limit of bytes per body, which is ignored here. */
const largestBody = 1024;

/** Tokens that one owner may have revoked at a time, so that nobody can fill the memory. */
const maxRevoked = 1000;

/** As many each owner may have when there is no room left for more: many have none at all. */
const alwaysRevoked = 3;

/** Seconds after which an owner at that limit may retry. */
const revokeLater = 60;

/** Rules AUT3 and AUT5: what the owner of an active token may do with it. */
export function selfRoutes(app: FastifyInstance, deps: AppDeps): void {
  for (const [path, act] of Object.entries({ '/auth/refresh': refresh, '/auth/logout': logout })) {
    const run = async (_body: unknown, request: FastifyRequest) =>
      await act(await callerOf(request, deps), deps, request);
    authRoute(app, deps, { path, largest: largestBody, run });
  }
}

async function refresh(caller: Caller, deps: AppDeps): Promise<object> {
  const { tokens, revocations, platform, audit, privilegedWrites, config } = deps;
  const { address, token } = caller;
  // Only the app's secret makes an admin, so that a stolen token ends when it says.
  if (caller.auth.admin) throw fail('forbidden', { accessToken: ['admin.not.refreshed'] });
  const auth = await privilegedWrites.current(caller.auth);
  if (!auth) {
    audit.record('token.refused', { address, uid: caller.auth.uid, reason: 'user.deleted' });
    throw fail('invalid/incorrect/expired access token', { accessToken: ['token.revoked'] });
  }
  // Signed elsewhere: the server's own tokens are never that long.
  if (isTooLongToMint(auth)) throw fail.invalid('accessToken', 'too.long');
  const life = lifetimeOf(caller, config.tokenLifetimes);
  const expires = life === undefined ? undefined : platform.clock.now() + life;
  const accessToken = await tokens.mint({ ...auth, expires });
  // A revocation during the mint is older than the fresh token, and would not apply to it.
  if (revocations.isRevoked(token)) {
    throw fail('invalid/incorrect/expired access token', { accessToken: ['token.revoked'] });
  }
  audit.record('token.refreshed', { address, uid: auth.uid, authType: auth.authType });
  return { authType: auth.authType, accessToken };
}

async function logout(
  caller: Caller,
  deps: AppDeps,
  { raw }: Pick<FastifyRequest, 'raw'>,
): Promise<object> {
  const { revocations, logouts, audit } = deps;
  const { auth, address, token, expires } = caller;
  // Anyone can get new uids that way.
  if (auth.authType === 'anonymous') logouts.assert(address, raw);
  demandRoom(auth.uid, deps);
  await revocations.revokeToken(token, expires);
  audit.record('token.revoked', { address, uid: auth.uid, by: 'owner' });
  return {};
}

/** Rule AUT5. Throws 429. The more tokens are revoked on the node, the fewer one owner may have. */
function demandRoom(uid: string, { revocations, limits, budgets }: AppDeps): void {
  const revoked = revocations.revokedTokensOf(uid);
  const room = limits.revokedTokens - revocations.tokens;
  if (revoked < Math.min(maxRevoked, Math.max(room, alwaysRevoked))) return;
  if (revoked < maxRevoked) budgets.refuse('limits.revokedTokens');
  throw fail.rateLimited(revokeLater);
}
