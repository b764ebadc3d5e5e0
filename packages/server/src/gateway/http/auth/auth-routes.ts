import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import { numberErrors } from '../../../auth/token-request.js';
import type { AppDeps } from '../../app-deps.js';
import { accountRoutes } from './account-routes.js';
import { adminRoutes } from './admin-routes.js';
import { authRoute } from './auth-route.js';
import { oidcRoutes } from './oidc-routes.js';
import { selfRoutes } from './self-routes.js';

/** Limit of bytes per body: it becomes part of each token, and pushes may carry some of it. */
const largestData = 1024;

/** The routes under `/auth/`. */
export function authRoutes(app: FastifyInstance, deps: AppDeps): void {
  anonymousRoutes(app, deps);
  selfRoutes(app, deps);
  adminRoutes(app, deps);
  oidcRoutes(app, deps);
  if (deps.accounts) accountRoutes(app, deps, deps.accounts);
}

/** Rule AUT1: tokens without authentication. */
function anonymousRoutes(app: FastifyInstance, deps: AppDeps): void {
  const { tokens, audit, platform, addresses, signups } = deps;
  for (const path of ['/auth/anonymous', '/auth/anonymous/login']) {
    authRoute(app, deps, {
      path,
      largest: largestData,
      authorize: ({ raw }) => signups.assert(addresses.of(raw), raw),
      run: async (data, { raw }) => {
        const authType = 'anonymous';
        const errors = data ? numberErrors(data, '') : {};
        if (Object.keys(errors).length > 0) throw fail('request.invalid', errors);
        const uid = Buffer.from(platform.random.bytes(16)).toString('hex');
        const expires = platform.clock.now() + deps.config.tokenLifetimes.anonymous;
        const accessToken = await tokens.mint({ uid, authType, data, expires });
        audit.record('token.minted', { address: addresses.of(raw), uid, authType });
        return { authType, accessToken };
      },
    });
  }
}
