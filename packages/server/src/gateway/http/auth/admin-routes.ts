import { fail, isJsonObject, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readTokenRequest } from '../../../auth/token-request.js';
import { hasSecret, isSecret } from './app-secret.js';
import { authRoute } from './auth-route.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';

type AdminAction = (
  body: JsonObject,
  options: AuthRoutesOptions,
  address: string,
) => Promise<object>;

/** Rules AUT4, AUT6 and AUT8: what the app does with its secret. */
export function adminRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const { addresses, jsonLimits, origins, message } = options;
  const actions: Readonly<Record<string, AdminAction>> = {
    '/auth/tokens': mint,
    '/auth/tokens/revoke': revoke,
    '/auth/accounts': createAccount,
  };
  const authorize = authorizeAdmin(options);
  for (const [path, action] of Object.entries(actions)) {
    authRoute(app, {
      path,
      largest: message,
      jsonLimits,
      origins,
      authorize: authorizeEarly(authorize),
      run: async (body, request) => {
        if (!hasSecretHeader(request)) authorize(request, body?.secret);
        return await action(body ?? {}, options, addresses.of(request.raw));
      },
    });
  }
}

/** Limit of bytes per body that is read to look for the secret in it. */
const largestUnauthorized = 64 * 1024;

/** Throws if the request is not authorized. `given`: a secret from elsewhere than the header. */
type AuthorizeAdmin = (request: FastifyRequest, given?: unknown) => void;

/**
 * A request with the secret in its header is authorized before the body is read; otherwise the
 * secret may be in the body as `secret` (rule AUT13). It is never accepted in the URL, which
 * proxies log.
 */
function authorizeEarly(authorize: AuthorizeAdmin): (request: FastifyRequest) => void {
  return (request) => {
    const { query, headers } = request;
    if (Object.hasOwn(query as object, 'secret')) throw fail.invalid('secret', 'not.in.url');
    const bytes = Number(headers['content-length'] ?? Number.NaN);
    if (hasSecretHeader(request) || !(bytes <= largestUnauthorized)) authorize(request);
  };
}

const hasSecretHeader = ({ headers }: FastifyRequest): boolean =>
  headers['x-really-secret'] !== undefined;

/** Authorizes requests with the app's secret. Wrong secrets are limited like logins. */
export function authorizeAdmin(options: AuthRoutesOptions): AuthorizeAdmin {
  const { addresses, secret, audit } = options;
  return ({ raw }, given) => {
    if (hasSecret(raw, secret) || isSecret(given, secret)) return;
    const address = addresses.of(raw);
    audit.record('secret.refused', { address });
    const retryAfter = options.perAddress.login.take(address, raw);
    if (retryAfter === 0) throw fail('forbidden');
    options.limited('login');
    throw fail('rate.limited', undefined, { meta: { retryAfter } });
  };
}

async function mint(
  body: JsonObject,
  { tokens, audit }: AuthRoutesOptions,
  address: string,
): Promise<object> {
  const order = readTokenRequest(body);
  const accessToken = await tokens.mint(order);
  audit.record('token.minted', { address, uid: order.uid, authType: order.authType, by: 'app' });
  return { authType: order.authType, accessToken };
}

async function revoke(
  body: JsonObject,
  options: AuthRoutesOptions,
  address: string,
): Promise<object> {
  const { token, uid } = body;
  if ((token ?? uid ?? undefined) === undefined) {
    throw fail.invalid('token', 'expected.string');
  }
  if (token !== undefined && token !== null) await revokeToken(token, options, address);
  if (uid !== undefined && uid !== null) await revokeUid(uid, options, address);
  return {};
}

async function revokeToken(
  token: unknown,
  { tokens, revocations, audit }: AuthRoutesOptions,
  address: string,
): Promise<void> {
  const verified = await tokens.verify(token);
  if (!verified.ok) {
    // An expired or revoked token need not be revoked.
    if (verified.detail === 'token.expired' || verified.detail === 'token.revoked') return;
    throw fail.invalid('token', verified.detail);
  }
  await revocations.revokeToken(verified.token, verified.expires);
  audit.record('token.revoked', { address, uid: verified.auth.uid, by: 'app' });
}

async function revokeUid(
  uid: unknown,
  { revocations, audit }: AuthRoutesOptions,
  address: string,
): Promise<void> {
  if (typeof uid !== 'string' || uid === '') throw fail.invalid('uid', 'expected.string');
  await revocations.revokeUid(uid);
  audit.record('tokens.revoked', { address, uid, by: 'app' });
}

async function createAccount(
  { data }: JsonObject,
  { privilegedWrites, audit }: AuthRoutesOptions,
  address: string,
): Promise<object> {
  if (!isJsonObject(data)) throw fail.invalid('data', 'expected.object');
  const _r = await privilegedWrites.createUser(data);
  audit.record('account.created', { address, r: _r });
  return { _r };
}
