import { fail, ProtocolError } from '@really/protocol';
import { unavailable } from '../../objects/unavailable.js';
import { QueryTimeout, StoreUnavailable } from '../../store/store.js';
import type { LiveContext } from '../live-context.js';

/**
 * The error that a subscriber is sent. Internal errors are logged under an id, and the client
 * receives only the id (rule ERR3).
 */
export function pushError(
  { log, platform }: Pick<LiveContext, 'log' | 'platform'>,
  error: unknown,
  fields: object,
): ProtocolError {
  if (error instanceof StoreUnavailable || error instanceof QueryTimeout) return unavailable();
  const internal = error instanceof ProtocolError && error.message === 'internal.server.error';
  if (error instanceof ProtocolError && (!internal || error.id !== undefined)) return error;
  const id = Buffer.from(platform.random.bytes(8)).toString('hex');
  log.error({ ...fields, id, err: error }, 'a subscription failed');
  return fail('internal.server.error', undefined, { id });
}
