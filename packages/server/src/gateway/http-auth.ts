import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { AppAuthority } from '../accounts/app-authority.js';
import type { Audit } from '../auth/audit.js';
import type { Lives } from '../auth/lives.js';
import type { Issuer } from '../auth/oidc/issuer.js';
import type { Revocations } from '../auth/revocations.js';
import { numberErrors } from '../auth/token-order.js';
import type { Tokens } from '../auth/tokens.js';
import type { Platform } from '../platform/platform.js';
import type { AddressRates } from './address-rates.js';
import { authRoute } from './auth-route.js';
import type { ClientAddresses } from './client-address.js';
import type { CommandRates } from './command-rates.js';
import { appRoutes } from './http-auth-app.js';
import { oidcRoutes } from './http-auth-oidc.js';
import { ownTokenRoutes } from './http-auth-own.js';
import type { Origins } from './origins.js';
import type { Shape } from './parse-message.js';

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
  readonly shape: Shape;
  /** Bytes of a body of the app's. */
  readonly message: number;
  /** The app's secret. */
  readonly secret: string;
  readonly authority: AppAuthority;
  readonly issuers: readonly Issuer[];
  readonly lives: Lives;
}

/** Bytes of a body: it becomes part of every token, and each push of its owner may carry some of it. */
const largestData = 1024;

/** Everything under `/auth/` that concerns tokens. */
export function authRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  anonymousRoutes(app, options);
  ownTokenRoutes(app, options);
  appRoutes(app, options);
  oidcRoutes(app, options);
}

/** Rule AUT1: tokens for whoever asks. */
function anonymousRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const { tokens, audit, platform, addresses, shape, origins } = options;
  for (const path of ['/auth/anonymous', '/auth/anonymous/login']) {
    authRoute(app, {
      path,
      largest: largestData,
      shape,
      origins,
      admit: ({ raw }) => {
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
        const expires = platform.clock.now() + options.lives.anonymous;
        const accessToken = await tokens.mint({ uid, authType, data, expires });
        audit.record('token.minted', { address: addresses.of(raw), uid, authType });
        return { authType, accessToken };
      },
    });
  }
}
