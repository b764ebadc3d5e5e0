import { type Auth, fail } from '@really/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tokens } from '../auth/tokens.js';
import type { ClientAddresses } from './client-address.js';
import type { CommandRates } from './command-rates.js';

/** Who sent an HTTP request. */
export interface Caller {
  readonly auth: Auth;
  /** Of its token: milliseconds since the Unix epoch; `undefined`: never. */
  readonly expires: number | undefined;
  readonly address: string;
}

export interface CallerOptions {
  readonly tokens: Pick<Tokens, 'verify'>;
  readonly addresses: ClientAddresses;
  readonly rates: CommandRates;
}

/** Rule HTTP4: who the token says it is. Throws 401, or 429 where too much was sent. */
export async function callerOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { tokens, addresses, rates }: CallerOptions,
): Promise<Caller> {
  const address = addresses.of(request.raw);
  const verified = await tokens.verify(tokenOf(request));
  const uid = verified.ok ? verified.auth.uid : undefined;
  const retryAfter = rates.take(address, uid);
  if (retryAfter > 0) throw fail('rate.limited', undefined, { meta: { retryAfter } });
  if (verified.ok) return { auth: verified.auth, expires: verified.expires, address };
  reply.header('WWW-Authenticate', 'Bearer');
  throw fail('invalid/incorrect/expired access token', { accessToken: [verified.detail] });
}

/** From the header or, where there is none, the query. */
function tokenOf({ headers, query }: FastifyRequest): unknown {
  const { authorization } = headers;
  if (authorization !== undefined) return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '';
  return (query as Record<string, unknown>).access_token;
}
