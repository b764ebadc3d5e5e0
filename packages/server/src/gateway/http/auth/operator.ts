import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ClientAddresses } from '../../server/client-addresses.js';
import { hasSecret } from './app-secret.js';

export interface OperatorOptions {
  /** The app's or the server's secret; `undefined`: it gives no access. */
  readonly secret: string | undefined;
  readonly addresses: ClientAddresses;
}

/**
 * True if a request comes from this machine itself, or has the app's secret. Pages of other origins
 * in an operator's browser send requests from this machine too, so they need the secret.
 */
export function isOperator(
  request: FastifyRequest,
  { addresses, secret = '' }: OperatorOptions,
): boolean {
  const isHere = addresses.isLocal(request.raw) && !isForOtherPage(request);
  return isHere || hasSecret(request.raw, secret);
}

/** Pages of other origins may not read it, even if they may call other routes. */
export function restrictToOperators(reply: FastifyReply): void {
  reply.removeHeader('Access-Control-Allow-Origin');
  reply.removeHeader('Access-Control-Expose-Headers');
  reply.header('Cross-Origin-Resource-Policy', 'same-origin');
}

/** True if a page of another origin sent it, by `Sec-Fetch-Site` or `Origin`. */
function isForOtherPage({ headers }: FastifyRequest): boolean {
  const { origin, host = '', 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && !isOriginOf(origin, host);
}

function isOriginOf(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}
