import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { ClientAddresses } from './client-address.js';

export interface OperatorOptions {
  /** The app's. */
  readonly secret: string;
  readonly addresses: ClientAddresses;
}

/** Whether a request comes from this machine itself, or from who holds the app's secret. */
export function isOperator(
  request: FastifyRequest,
  { addresses, secret }: OperatorOptions,
): boolean {
  if (addresses.isLocal(request.raw)) return true;
  const given = request.headers['x-really-secret'];
  return typeof given === 'string' && isSame(given, secret);
}

/** Takes the same time wherever the two differ, and however long they are. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return secret !== '' && timingSafeEqual(digest(given), digest(secret));
}
