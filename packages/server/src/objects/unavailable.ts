import { fail, type ProtocolError } from '@really/protocol';
import { OutcomeUnknown, QueryTimeout, StoreUnavailable } from '../store/store-errors.js';

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

/** True where a commit failed so that only the store knows what is stored. */
export function mayHaveWritten(error: unknown): boolean {
  return !(error instanceof StoreUnavailable) || error instanceof OutcomeUnknown;
}
