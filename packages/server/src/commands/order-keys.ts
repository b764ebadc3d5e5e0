import type { ParsedR, Request } from '@really/protocol';

/**
 * A command's claim on an R of its connection: commands on the same R take effect and are answered
 * in the order in which they were sent (rule ENV4).
 *
 * Writes may start side by side: each enters its object's queue in the tick in which it starts, and
 * the queue keeps the order. Reads may run beside reads. An exclusive command waits for the
 * responses to all earlier ones, and the later ones wait for its own.
 */
export interface OrderKey {
  /** Printed R, or the id of a live query. */
  readonly r: string;
  readonly mode: 'read' | 'write' | 'exclusive';
}

type Targeted = { readonly target: ParsedR };

export const writesTarget = ({ target }: Targeted): OrderKey[] => [{ r: target.r, mode: 'write' }];

export const readsTarget = ({ target }: Targeted): OrderKey[] => [{ r: target.r, mode: 'read' }];

export const writesEach = ({ body }: Extract<Request, { cmd: 'batch' }>): OrderKey[] =>
  distinct(
    body.commands.map(({ target }) => target.r),
    'write',
  );

/**
 * Subscribe and unsubscribe read the object and change what the connection receives, so nothing
 * runs beside them.
 */
export const excludesEach = ({
  body,
}: Extract<Request, { cmd: 'subscribe' | 'unsubscribe' }>): OrderKey[] =>
  distinct(
    body.subscriptions.map((item) => ('id' in item ? item.id : (item.target?.r ?? item.r))),
    'exclusive',
  );

/** Commands of a room: what they say reaches others in the order of the commands. */
export const excludesTarget = ({ target }: Targeted): OrderKey[] => [
  { r: target.r, mode: 'exclusive' },
];

/** Each R once. */
function distinct(rs: readonly string[], mode: OrderKey['mode']): OrderKey[] {
  return [...new Set(rs)].map((r) => ({ r, mode }));
}
