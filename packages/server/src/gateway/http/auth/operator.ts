import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ClientAddresses } from '../../server/client-addresses.js';

interface OperatorOptions {
  /** `secret`: the app's or the server's; `undefined`: it gives no access. */
  readonly config: { readonly secret?: string | undefined };
  readonly addresses: Pick<ClientAddresses, 'isLocal'>;
}

/**
 * True if a request comes from this machine itself, or has the app's secret. Pages of other origins
 * in an operator's browser send requests from this machine too, so they need the secret.
 */
export function isOperator(
  request: FastifyRequest,
  { addresses, config: { secret = '' } }: OperatorOptions,
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
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

/** True if `X-Really-Secret` is the app's secret. Compares in constant time. */
export function hasSecret({ headers }: IncomingMessage, secret: string): boolean {
  const given = headers['x-really-secret'];
  if (typeof given !== 'string' || secret === '') return false;
  // Header bytes arrive as Latin-1, whatever their encoding.
  return timingSafeEqual(digest(Buffer.from(given, 'latin1')), digest(Buffer.from(secret)));
}

/** As `hasSecret`, for a value from elsewhere. */
export function isSecret(given: unknown, secret: string): boolean {
  if (typeof given !== 'string' || secret === '') return false;
  return timingSafeEqual(digest(Buffer.from(given)), digest(Buffer.from(secret)));
}

const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
