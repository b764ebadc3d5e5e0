import type { FastifyRequest } from 'fastify';
import { hasSecret } from './app-secret.js';
import type { ClientAddresses } from './client-address.js';

export interface OperatorOptions {
  /** The app's, or the server's; where it is missing nobody is an operator by it. */
  readonly secret: string | undefined;
  readonly addresses: ClientAddresses;
}

/** Whether a request comes from this machine itself, or from who holds the app's secret. */
export function isOperator(
  request: FastifyRequest,
  { addresses, secret = '' }: OperatorOptions,
): boolean {
  return addresses.isLocal(request.raw) || hasSecret(request.raw, secret);
}
