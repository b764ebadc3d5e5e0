import { fail, type ProtocolError } from '@really/protocol';
import { QueryTimeout, StoreUnavailable } from '../store/store-errors.js';

/** Seconds after which a client may try again. */
const retryAfter = 1;

/** 503: the store cannot serve now, or conflicts were lost too often. Nothing was written. */
export function unavailable(): ProtocolError {
  return fail('server.unavailable', undefined, { meta: { retryAfter } });
}

/** The error for a client when the store failed; unexpected errors are returned unchanged. */
export function storeFailure(error: unknown): unknown {
  const known = error instanceof StoreUnavailable || error instanceof QueryTimeout;
  return known ? unavailable() : error;
}
