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
