import type { Request } from '@really/protocol';

export interface OrderedR {
  /** Printed R. */
  readonly r: string;
  readonly mode: 'read' | 'write' | 'exclusive';
}

/**
 * The Rs that a command of a connection is ordered by: commands on the same R take effect and are
 * answered in the order in which they were sent (rule ENV4).
 *
 * Writes may start side by side: each enters its object's queue in the tick in which it starts, and
 * the queue keeps the order. Reads may run beside reads. Everything else waits for the responses to
 * earlier commands.
 */
export function orderedRsOf(request: Request): OrderedR[] {
  switch (request.cmd) {
    case 'create':
    case 'update':
    case 'delete':
      return [{ r: request.target.r, mode: 'write' }];
    case 'batch':
      return [...new Set(request.body.commands.map(({ target }) => target.r))].map((r) => {
        return { r, mode: 'write' };
      });
    case 'get':
    case 'read':
    case 'count':
      return [{ r: request.target.r, mode: 'read' }];
    case 'subscribe':
      return exclusiveRs(request.body.subscriptions.map(({ target, r }) => target?.r ?? r));
    case 'unsubscribe':
      return exclusiveRs(
        request.body.subscriptions.map((item) =>
          item.kind === 'query' ? item.id : (item.target?.r ?? item.r),
        ),
      );
    case 'initialize':
    case 'ping':
      return [];
    default:
      return request satisfies never;
  }
}

/**
 * Subscribe and unsubscribe read the object and change what the connection receives, so nothing
 * runs beside them.
 */
function exclusiveRs(rs: readonly string[]): OrderedR[] {
  return [...new Set(rs)].map((r) => ({ r, mode: 'exclusive' }));
}
