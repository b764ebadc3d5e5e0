import type { IncomingMessage } from 'node:http';
import { type Auth, fail } from '@really/protocol';
import type { FastifyRequest } from 'fastify';
import type { Audit } from '../../../auth/audit.js';
import type { TokenIdentity } from '../../../auth/token-identity.js';
import type { Tokens } from '../../../auth/tokens.js';
import { asksAsOwner } from '../../../queries/owner.js';
import { costOfMembers } from '../../dispatch/message-cost.js';
import type { CommandRates } from '../../limits/command-rates.js';
import { networkOf } from '../../server/address-network.js';
import type { ClientAddresses } from '../../server/client-addresses.js';

/** The sender of an HTTP request. */
export interface Caller {
  readonly auth: Auth;
  readonly token: TokenIdentity;
  /** Expiry of its token, milliseconds since the Unix epoch; `undefined`: never. */
  readonly expires: number | undefined;
  readonly address: string;
}

export interface CallerOptions {
  readonly tokens: Pick<Tokens, 'verify'>;
  readonly addresses: ClientAddresses;
  readonly rates: CommandRates;
  readonly audit: Audit;
}

/** Uids of requests with a valid token. */
const uids = new WeakMap<IncomingMessage, string>();

/** The uid of a request, if known by now; its body is charged to it. */
export function knownUid(request: IncomingMessage): string | undefined {
  return uids.get(request);
}

/** Rule HTTP4: the owner of the token. Throws 401, or 429 over the rate limit. */
export async function callerOf(
  request: FastifyRequest,
  { tokens, addresses, rates, audit }: CallerOptions,
): Promise<Caller> {
  const address = addresses.of(request.raw);
  const verified = await tokens.verify(tokenOf(request));
  const uid = verified.ok ? verified.auth.uid : undefined;
  const retryAfter = rates.take(address, uid);
  if (retryAfter > 0) throw fail('rate.limited', undefined, { meta: { retryAfter } });
  if (verified.ok) {
    const { auth, token, expires } = verified;
    uids.set(request.raw, auth.uid);
    asksAsOwner({ auth, address: networkOf(address) });
    return { auth, token, expires, address };
  }
  const { detail } = verified;
  if (detail !== 'token.missing') audit.record('token.refused', { address, reason: detail });
  throw fail('invalid/incorrect/expired access token', { accessToken: [detail] });
}

/**
 * Charges what a body costs beyond the one command that is paid for already (rule LIM21). Throws
 * 429 over the rate limit.
 */
export function payMembers(
  { address, auth }: Caller,
  members: number,
  { rates }: Pick<CallerOptions, 'rates'>,
): void {
  const more = costOfMembers(members) - 1;
  const retryAfter = more > 0 ? rates.take(address, auth.uid, more) : 0;
  if (retryAfter > 0) throw fail('rate.limited', undefined, { meta: { retryAfter } });
}

/**
 * From the header or else the query: a proxy may use the header for credentials of another scheme.
 */
function tokenOf({ headers, query }: FastifyRequest): unknown {
  const { authorization } = headers;
  const inQuery = (query as Record<string, unknown>).access_token;
  if (authorization === undefined) return inQuery;
  // indexOf instead of a regular expression, which could take seconds for a header full of spaces.
  const end = `${authorization} `.indexOf(' ');
  const isBearer = authorization.slice(0, end).toLowerCase() === 'bearer';
  return isBearer ? authorization.slice(end).trim() : (inQuery ?? '');
}
