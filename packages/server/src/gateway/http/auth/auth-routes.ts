import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { PrivilegedWrites } from '../../../accounts/privileged-writes.js';
import type { Audit } from '../../../auth/audit.js';
import type { Issuer } from '../../../auth/oidc/issuer.js';
import type { Revocations } from '../../../auth/revocations.js';
import type { TokenLifetimes } from '../../../auth/token-lifetimes.js';
import { numberErrors } from '../../../auth/token-request.js';
import type { Tokens } from '../../../auth/tokens.js';
import type { Platform } from '../../../platform/platform.js';
import type { AddressRates } from '../../limits/address-rates.js';
import type { CommandRates } from '../../limits/command-rates.js';
import type { ClientAddresses } from '../../server/client-addresses.js';
import type { Origins } from '../../server/origins.js';
import type { JsonLimits } from '../../websocket/parse-message.js';
import { adminRoutes } from './admin-routes.js';
import { authRoute } from './auth-route.js';
import { oidcRoutes } from './oidc-routes.js';
import { selfRoutes } from './self-routes.js';

export interface AuthRoutesOptions {
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  readonly audit: Audit;
  readonly platform: Platform;
  readonly addresses: ClientAddresses;
  /** Of anonymous tokens and of wrong secrets, by address (rule LIM5). */
  readonly perAddress: Readonly<Record<'signup' | 'login', AddressRates>>;
  /** Whose pages may call. */
  readonly origins: Origins;
  readonly limited: (by: 'signup' | 'login') => void;
  /** Of what is asked with a token. */
  readonly rates: CommandRates;
  /** What a body may look like. */
  readonly jsonLimits: JsonLimits;
  /** Bytes of a body of the app's. */
  readonly message: number;
  /** The app's secret. */
  readonly secret: string;
  readonly privilegedWrites: PrivilegedWrites;
  readonly issuers: readonly Issuer[];
  readonly tokenLifetimes: TokenLifetimes;
}

/** Bytes of a body: it becomes part of every token, and each push of its owner may carry some of it. */
const largestData = 1024;

/** Everything under `/auth/` that concerns tokens. */
export function authRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  anonymousRoutes(app, options);
  selfRoutes(app, options);
  adminRoutes(app, options);
  oidcRoutes(app, options);
}

/** Rule AUT1: tokens for whoever asks. */
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
