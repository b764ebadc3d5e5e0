import { fail, ProtocolError } from '@really/protocol';
import type { Log } from '../../platform/log.js';
import type { Platform } from '../../platform/platform.js';
import { QueryTimeout, StoreUnavailable } from '../../store/store.js';

/** Default `retryAfter`, in seconds. */
const retryAfter = 1;

export interface ErrorContext {
  readonly log: Log;
  readonly platform: Platform;
  /** Log fields: `cmd`, `traceId`, `uid`. */
  readonly fields: object;
}

/**
 * Converts any error to the one that the client gets. Internal errors are logged under an id, and
 * the client gets only the id (rule ERR3).
 */
export function toProtocolError(error: unknown, context: ErrorContext): ProtocolError {
  if (error instanceof StoreUnavailable || error instanceof QueryTimeout) {
    context.log.warn({ ...context.fields, err: error }, 'the store could not serve a command');
    return fail('server.unavailable', undefined, { meta: { retryAfter } });
  }
  if (!(error instanceof ProtocolError)) return internal(error, context);
  if (error.message === 'internal.server.error' && error.id === undefined) {
    return internal(error, context);
  }
  const waits = error.code === 429 || error.code === 503;
  if (!waits || error.meta) return error;
  const { code, message, errors, id } = error;
  return new ProtocolError({ code, message, errors, id, meta: { retryAfter } });
}

function internal(error: unknown, { log, platform, fields }: ErrorContext): ProtocolError {
  const id = Buffer.from(platform.random.bytes(8)).toString('hex');
  log.error({ ...fields, id, err: error }, 'a command failed');
  return fail('internal.server.error', undefined, { id });
}
