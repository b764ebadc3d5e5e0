import type { FastifyRequest } from 'fastify';
import { hasSecret } from './app-secret.js';
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
  return addresses.isLocal(request.raw) || hasSecret(request.raw, secret);
}
