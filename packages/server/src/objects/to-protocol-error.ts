import { fail, ProtocolError } from '@really/protocol';
import { RuleRefusal } from '../model/rules/rule-refusal.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import { QueryTimeout, StoreUnavailable } from '../store/store-errors.js';
import { unavailable } from './unavailable.js';

export interface ErrorPorts {
  readonly log: Log;
  readonly platform: Pick<Platform, 'random'>;
}

/**
 * Converts any error to the one that the client gets, in a response or a push. Internal errors are
 * logged under an id, and the client gets only the id (rule ERR3). `fields`: of the log line.
 */
export function toProtocolError(
  error: unknown,
  { log, platform }: ErrorPorts,
  fields: object,
  what: 'command' | 'subscription' = 'command',
): ProtocolError {
  if (error instanceof StoreUnavailable || error instanceof QueryTimeout) {
    log.warn({ ...fields, err: error }, `the store could not serve a ${what}`);
    return unavailable();
  }
  const isKnown = error instanceof ProtocolError;
  if (!isKnown || (error.message === 'internal.server.error' && error.id === undefined)) {
    const id = Buffer.from(platform.random.bytes(8)).toString('hex');
    log.error({ ...fields, id, err: error }, `a ${what} failed`);
    return fail('internal.server.error', undefined, { id });
  }
  const { cause } = error;
  if (cause instanceof RuleRefusal) {
    // Rule ACC12. Once: the error may pass here on its way out of a command, and out of a request.
    for (const name of cause.rules) log.info({ ...fields, ...name }, `a rule refused a ${what}`);
    error.cause = undefined;
  }
  const waits = error.code === 429 || error.code === 503;
  if (!waits || error.meta) return error;
  const { code, message, errors, id } = error;
  return new ProtocolError({ code, message, errors, id, meta: { retryAfter: 1 } });
}
