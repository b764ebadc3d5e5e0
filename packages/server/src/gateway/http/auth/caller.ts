import type { IncomingMessage } from 'node:http';
import { type Auth, fail } from '@really/protocol';
import type { FastifyRequest } from 'fastify';
import type { TokenIdentity } from '../../../auth/token-identity.js';
import { chargeScriptsToOwner } from '../../../queries/owner.js';
import type { AppDeps } from '../../app-deps.js';
import { costOfMembers } from '../../dispatch/message-cost.js';
import { networkOf } from '../../server/address-network.js';

/** The sender of an HTTP request. */
export interface Caller {
  readonly auth: Auth;
  readonly token: TokenIdentity;
  /** Expiry of its token, milliseconds since the Unix epoch; `undefined`: never. */
  readonly expires: number | undefined;
  readonly address: string;
}

/** Uids of requests with a valid token. */
const uids = new WeakMap<IncomingMessage, string>();

/** The uid of a request, if known by now; its body is charged to it. */
export function knownUid(request: IncomingMessage): string | undefined {
  return uids.get(request);
}

/** Rule HTTP4: the owner of the token. Throws 401, or 429 over the rate limit. */
export async function callerOf(request: FastifyRequest, deps: AppDeps): Promise<Caller> {
  const { tokens, addresses, audit } = deps;
  const address = addresses.of(request.raw);
  const verified = await tokens.verify(tokenOf(request));
  await demandRate(deps, { address, uid: verified.ok ? verified.auth.uid : undefined });
  if (verified.ok) {
    const { auth, token, expires } = verified;
    uids.set(request.raw, auth.uid);
    chargeScriptsToOwner({ auth, address: networkOf(address) });
    return { auth, token, expires, address };
  }
  const { detail } = verified;
  if (detail !== 'token.missing') audit.record('token.refused', { address, reason: detail });
  throw fail('invalid/incorrect/expired access token', { accessToken: [detail] });
}

/**
 * Charges the members of a body beyond the one command that is paid for already (rule LIM21). Throws
 * 429 over the rate limit of commands.
 */
export async function payMembers(
  { address, auth }: Caller,
  members: number,
  deps: AppDeps,
): Promise<void> {
  const more = costOfMembers(members) - 1;
  if (more > 0) await demandRate(deps, { address, uid: auth.uid }, more);
}

/**
 * Throws 429 over the rate limit of commands. To a client that goes on sending meanwhile it comes
 * late, and until then nothing more is begun on its connection (rule LIM28).
 */
async function demandRate(
  { rates, platform }: AppDeps,
  { address, uid }: { readonly address: string; readonly uid: string | undefined },
  commands = 1,
): Promise<void> {
  const retryAfter = rates.take(address, uid, commands);
  if (retryAfter === 0) return;
  const pause = rates.refuse(address, uid) * 1000;
  if (pause > 0) await new Promise<void>((resolve) => platform.timers.after(pause, resolve));
  throw fail.rateLimited(retryAfter);
}

/** From the header or else the query: a proxy may use the header for other credentials. */
function tokenOf({ headers, query }: FastifyRequest): unknown {
  const { authorization } = headers;
  const inQuery = (query as Record<string, unknown>).access_token;
  if (authorization === undefined) return inQuery;
  // indexOf instead of a regular expression, which could take seconds for a header full of spaces.
  const end = `${authorization} `.indexOf(' ');
  const isBearer = authorization.slice(0, end).toLowerCase() === 'bearer';
  return isBearer ? authorization.slice(end).trim() : (inQuery ?? '');
}
