import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ClientAddresses } from '../../server/client-addresses.js';
import { hasSecret } from './app-secret.js';

export interface OperatorOptions {
  /** The app's, or the server's; where it is missing nobody is an operator by it. */
  readonly secret: string | undefined;
  readonly addresses: ClientAddresses;
}

/**
 * Whether a request comes from this machine itself, or from who holds the app's secret. The pages that an operator has
 * open come from anywhere, and what they ask for comes from this machine: these need the secret too.
 */
export function isOperator(
  request: FastifyRequest,
  { addresses, secret = '' }: OperatorOptions,
): boolean {
  const isHere = addresses.isLocal(request.raw) && !isForOtherPage(request);
  return isHere || hasSecret(request.raw, secret);
}

/** No page of another origin may read it, whatever may call the rest of the server. */
export function restrictToOperators(reply: FastifyReply): void {
  reply.removeHeader('Access-Control-Allow-Origin');
  reply.removeHeader('Access-Control-Expose-Headers');
  reply.header('Cross-Origin-Resource-Policy', 'same-origin');
}

/** Whether a page of another origin asks. Browsers say so themselves, or name the origin. */
function isForOtherPage({ headers }: FastifyRequest): boolean {
  const { origin, host = '', 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && !isOriginOf(origin, host);
}

function isOriginOf(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`;
}
