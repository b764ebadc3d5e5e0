import type { Request } from '@really/protocol';

export interface OrderedR {
  /** Printed. */
  readonly r: string;
  readonly mode: 'read' | 'write' | 'exclusive';
}

/**
 * The Rs that a command of a connection is ordered by: commands on the same R take effect and are
 * answered in the order in which they were sent (rule ENV4).
 *
 * Writes may start beside writes: each reaches its object's line in the turn in which it starts, and
 * that line keeps the order. Reads may run beside reads. Everything else waits for the answer to what is before it.
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

/** They read the object, and change what the connection hears: beside nothing else. */
function exclusiveRs(rs: readonly string[]): OrderedR[] {
  return [...new Set(rs)].map((r) => ({ r, mode: 'exclusive' }));
}
