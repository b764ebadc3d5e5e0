import { fail, infiniteIn, type JsonObject } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { Issuer } from '../../../auth/oidc/issuer.js';
import { isTooLarge } from '../../../auth/token-request.js';
import { authRoute } from './auth-route.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';

/** Limit of bytes per body: an ID token and little else. */
const largestBody = 20 * 1024;

const authType = 'oidc';

/** Rule AUT11: login with an ID token of an issuer. */
export function oidcRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const { issuers, addresses, jsonLimits, origins } = options;
  if (issuers.length === 0) return;
  authRoute(app, {
    path: '/auth/oidc/login',
    largest: largestBody,
    jsonLimits,
    origins,
    authorize: ({ raw }) => {
      const retryAfter = options.perAddress.signup.take(addresses.of(raw), raw);
      if (retryAfter === 0) return;
      options.limited('signup');
      throw fail('rate.limited', undefined, { meta: { retryAfter } });
    },
    run: async (body, { raw }) => await logIn(body ?? {}, options, addresses.of(raw)),
  });
}

async function logIn(
  { provider, issuer, idToken, nonce }: JsonObject,
  options: AuthRoutesOptions,
  address: string,
): Promise<object> {
  const asked = issuerOf(options.issuers, provider ?? issuer);
  if (typeof idToken !== 'string') throw fail.invalid('idToken', 'expected.string');
  const given = nonce ?? undefined;
  if (given !== undefined && typeof given !== 'string') {
    throw fail.invalid('nonce', 'expected.string');
  }
  const { tokens, audit, privilegedWrites, platform } = options;
  const { name } = asked.config;
  const proven = await asked.prove(idToken, given);
  if (!proven.ok) {
    audit.record('login.failed', { address, authType, provider: name, reason: proven.problem });
    throw fail('credentials.invalid', { idToken: [proven.problem] });
  }
  const { uid, data, fields } = proven;
  if (isTooLarge(data)) throw fail.invalid('idToken', 'too.large');
  if (infiniteIn(data) !== undefined) throw fail.invalid('idToken', 'number.out.of.range');
  const _r = fields && (await privilegedWrites.ensureUser(uid, fields));
  await privilegedWrites.remember(uid, { data, r: _r });
  const expires = platform.clock.now() + options.tokenLifetimes.oidc;
  const accessToken = await tokens.mint({ uid, authType, _r, data, expires });
  audit.record('login.ok', { address, uid, authType, provider: name });
  return { authType, accessToken };
}

/** By its configured name or its URL. */
function issuerOf(issuers: readonly Issuer[], asked: unknown): Issuer {
  const found = issuers.find(({ config }) => config.name === asked || config.issuer === asked);
  if (!found) throw fail.invalid('provider', 'provider.unknown');
  return found;
}
