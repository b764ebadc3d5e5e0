import type { ProtocolError } from '@really/protocol';
import { toProtocolError } from '../../objects/to-protocol-error.js';
import type { LiveContext } from '../live-context.js';

/** The error that a subscriber is sent. */
export function pushError(
  context: Pick<LiveContext, 'log' | 'platform'>,
  error: unknown,
  fields: object,
): ProtocolError {
  return toProtocolError(error, context, fields, 'subscription');
}
