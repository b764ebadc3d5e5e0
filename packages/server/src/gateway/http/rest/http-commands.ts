import type { JsonObject } from '@really/protocol';
import type { Reply } from '../../../commands/services.js';
import type { AppDeps } from '../../app-deps.js';
import { CommandRecord } from '../../dispatch/command-record.js';
import type { CommandCall } from '../../dispatch/command-set.js';

/** The trace headers of an HTTP request. */
export interface TraceHeaders {
  /** Rule ENV5. */
  readonly traceId?: string | undefined;
  /** The W3C header, unparsed. */
  readonly traceparent?: string | undefined;
}

/**
 * Runs a command that came over HTTP: counted, logged and traced like those over WebSocket.
 * `pushTarget`: what receives pushes, if it subscribes. Always rejects with a `ProtocolError`.
 */
export async function runHttpCommand(
  deps: AppDeps,
  message: JsonObject,
  from: Pick<CommandCall, 'auth' | 'address' | 'pushTarget' | 'charge' | 'acceptedRevs'>,
  traced: TraceHeaders,
): Promise<Reply> {
  const { commands, metrics } = deps;
  const { traceId } = traced;
  const parsed = commands.parse({ ...message, ...(traceId !== undefined && { traceId }), tag: 0 });
  if (!parsed.ok) {
    metrics.command('invalid', String(parsed.error.code), 0);
    throw parsed.error;
  }
  const { request } = parsed;
  const command = { cmd: request.cmd, r: request.target?.r, uid: from.auth.uid, ...traced };
  const record = new CommandRecord(deps, command);
  try {
    const reply = await commands.run({ ...from, traceId, span: record.span }, request);
    record.end('ok');
    return reply;
  } catch (thrown) {
    const error = record.errorFor(thrown);
    record.end(String(error.code));
    throw error;
  }
}

/** Rules ENV5 and TRC2: the `traceId` is `X-Trace-Id`, or the trace of the W3C `traceparent`. */
export function traceOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): TraceHeaders {
  const own = headers['x-trace-id'];
  const parent = headers.traceparent;
  const traceparent = typeof parent === 'string' ? parent : undefined;
  if (typeof own === 'string' && own !== '') return { traceId: own, traceparent };
  const traceId = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '');
  return { traceId: traceId?.[1], traceparent };
}
