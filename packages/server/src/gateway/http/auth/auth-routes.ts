import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import { numberErrors } from '../../../auth/token-request.js';
import { adminRoutes } from './admin-routes.js';
import { authRoute } from './auth-route.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';
import { oidcRoutes } from './oidc-routes.js';
import { selfRoutes } from './self-routes.js';

/**
 * Limit of bytes per body: it becomes part of each token, and pushes of its owner may carry some of
 * it.
 */
const largestData = 1024;

/** The token routes under `/auth/`. */
export function authRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  anonymousRoutes(app, options);
  selfRoutes(app, options);
  adminRoutes(app, options);
  oidcRoutes(app, options);
}

/** Rule AUT1: tokens without authentication. */
function anonymousRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const { tokens, audit, platform, addresses, jsonLimits, origins } = options;
  for (const path of ['/auth/anonymous', '/auth/anonymous/login']) {
    authRoute(app, {
      path,
      largest: largestData,
      jsonLimits,
      origins,
      authorize: ({ raw }) => {
        const retryAfter = options.perAddress.signup.take(addresses.of(raw), raw);
        if (retryAfter === 0) return;
        options.limited('signup');
        throw fail('rate.limited', undefined, { meta: { retryAfter } });
      },
      run: async (data, { raw }) => {
        const authType = 'anonymous';
        const errors = data ? numberErrors(data, '') : {};
        if (Object.keys(errors).length > 0) throw fail('request.invalid', errors);
        const uid = Buffer.from(platform.random.bytes(16)).toString('hex');
        const expires = platform.clock.now() + options.tokenLifetimes.anonymous;
        const accessToken = await tokens.mint({ uid, authType, data, expires });
        audit.record('token.minted', { address: addresses.of(raw), uid, authType });
        return { authType, accessToken };
      },
    });
  }
}
