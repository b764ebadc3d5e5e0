import { fail, infiniteIn, type JsonObject } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { Issuer } from '../../../auth/oidc/issuer.js';
import { isTooLarge } from '../../../auth/token-request.js';
import type { AppDeps } from '../../app-deps.js';
import { authRoute } from './auth-route.js';

/** Limit of bytes per body: an ID token and little else. */
const largestBody = 20 * 1024;

const authType = 'oidc';

/** Rule AUT11: login with an ID token of an issuer. */
export function oidcRoutes(app: FastifyInstance, deps: AppDeps): void {
  const { issuers, addresses, signups } = deps;
  if (issuers.length === 0) return;
  authRoute(app, deps, {
    path: '/auth/oidc/login',
    largest: largestBody,
    authorize: ({ raw }) => signups.assert(addresses.of(raw), raw),
    run: async (body, { raw }) => await logIn(body ?? {}, deps, addresses.of(raw)),
  });
}

async function logIn(
  { provider, issuer, idToken, nonce }: JsonObject,
  deps: AppDeps,
  address: string,
): Promise<object> {
  const asked = issuerOf(deps.issuers, provider ?? issuer);
  if (typeof idToken !== 'string') throw fail.invalid('idToken', 'expected.string');
  const given = nonce ?? undefined;
  if (given !== undefined && typeof given !== 'string') {
    throw fail.invalid('nonce', 'expected.string');
  }
  const { tokens, audit, privilegedWrites, platform } = deps;
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
  const expires = platform.clock.now() + deps.config.tokenLifetimes.oidc;
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
