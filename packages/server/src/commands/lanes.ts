import type { Request } from '@really/protocol';

export interface Lane {
  /** Printed. */
  readonly r: string;
  readonly mode: 'read' | 'write';
}

/**
 * The Rs that a command of a connection is ordered by: commands on the same R take effect and are
 * answered in the order in which they were sent (rule ENV4).
 *
 * Writes may start beside writes: each reaches its object's line in the turn in which it starts, and
 * that line keeps the order. Between a write and a read the second has to wait for the first's answer.
 */
export function lanesOf(request: Request): Lane[] {
  switch (request.cmd) {
    case 'create':
    case 'update':
    case 'delete':
      return [{ r: request.target.r, mode: 'write' }];
    case 'get':
    case 'read':
    case 'count':
      return [{ r: request.target.r, mode: 'read' }];
    case 'subscribe':
      return subscriptionLanes(request.body.subscriptions.map(({ target, r }) => target?.r ?? r));
    case 'unsubscribe':
      return subscriptionLanes(
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
 * They read the object, so that one waits for a write before it; and they change what the connection
 * hears, so that of two on one R the second waits for the first. That is what claiming an R both ways means.
 */
function subscriptionLanes(rs: readonly string[]): Lane[] {
  return [...new Set(rs)].flatMap((r): Lane[] => [
    { r, mode: 'read' },
    { r, mode: 'write' },
  ]);
}
