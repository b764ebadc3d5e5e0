import { fail, isJsonObject, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readTokenRequest } from '../../../auth/token-request.js';
import type { AppDeps } from '../../app-deps.js';
import { authRoute } from './auth-route.js';
import { hasSecret, isSecret } from './operator.js';

type AdminAction = (body: JsonObject, deps: AppDeps, address: string) => Promise<object>;

/** Rules AUT4, AUT6 and AUT8: what the app does with its secret. */
export function adminRoutes(app: FastifyInstance, deps: AppDeps): void {
  const actions: Readonly<Record<string, AdminAction>> = {
    '/auth/tokens': mint,
    '/auth/tokens/revoke': revoke,
    '/auth/accounts': createAccount,
  };
  const authorize = authorizeAdmin(deps);
  for (const [path, action] of Object.entries(actions)) {
    authRoute(app, deps, {
      path,
      largest: deps.limits.message,
      authorize: authorizeEarly(authorize),
      run: async (body, request) => {
        if (!hasSecretHeader(request)) authorize(request, body?.secret);
        return await action(body ?? {}, deps, deps.addresses.of(request.raw));
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
    // A compressed body may be a thousand times as long.
    const isEncoded = (headers['content-encoding'] ?? 'identity') !== 'identity';
    const isShort = bytes <= largestUnauthorized && !isEncoded;
    if (hasSecretHeader(request) || !isShort) authorize(request);
  };
}

const hasSecretHeader = ({ headers }: FastifyRequest): boolean =>
  headers['x-really-secret'] !== undefined;

/** Authorizes requests with the app's secret. Wrong secrets are limited like logins. */
export function authorizeAdmin({ addresses, config, audit, logins }: AppDeps): AuthorizeAdmin {
  return ({ raw }, given) => {
    if (hasSecret(raw, config.secret) || isSecret(given, config.secret)) return;
    const address = addresses.of(raw);
    audit.record('secret.refused', { address });
    logins.assert(address, raw);
    throw fail('forbidden');
  };
}

async function mint(
  body: JsonObject,
  { tokens, audit }: AppDeps,
  address: string,
): Promise<object> {
  const order = readTokenRequest(body);
  const accessToken = await tokens.mint(order);
  const { uid, authType, admin } = order;
  audit.record('token.minted', { address, uid, authType, admin, by: 'app' });
  return { authType: order.authType, accessToken };
}

async function revoke(body: JsonObject, deps: AppDeps, address: string): Promise<object> {
  const { token, uid } = body;
  if ((token ?? uid ?? undefined) === undefined) throw fail.invalid('token', 'expected.string');
  if (token !== undefined && token !== null) await revokeToken(token, deps, address);
  if (uid !== undefined && uid !== null) await revokeUid(uid, deps, address);
  return {};
}

async function revokeToken(
  token: unknown,
  { tokens, revocations, audit }: AppDeps,
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
  { revocations, audit }: AppDeps,
  address: string,
): Promise<void> {
  if (typeof uid !== 'string' || uid === '') throw fail.invalid('uid', 'expected.string');
  await revocations.revokeUid(uid);
  audit.record('tokens.revoked', { address, uid, by: 'app' });
}

async function createAccount(
  { data }: JsonObject,
  { privilegedWrites, audit }: AppDeps,
  address: string,
): Promise<object> {
  if (!isJsonObject(data)) throw fail.invalid('data', 'expected.object');
  const _r = await privilegedWrites.createUser(data);
  audit.record('account.created', { address, r: _r });
  return { _r };
}
