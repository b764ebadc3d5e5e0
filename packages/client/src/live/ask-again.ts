import type { ReallyError } from '../really-error.js';
import type { ClientWrite } from '../writes/client-write.js';

/** The writes of this client, as far as they may allow something. */
export interface OwnWrites {
  /** How many were committed. */
  readonly commits: number;
  /** Those that are not settled. */
  readonly waiting: Iterable<ClientWrite>;
}

/**
 * What is refused while own writes are under way may be allowed by them: a list, by the create of a membership. Returns
 * whether `again` is called, once these writes are settled. `before`: `commits` when it was asked for. Rule TSC17.
 */
export function askAgain(
  { commits, waiting }: OwnWrites,
  { code }: ReallyError,
  before: number,
  again: () => void,
): boolean {
  const writes = [...waiting];
  const isForbidden = code === 403 || code === 404;
  if (!isForbidden || (writes.length === 0 && commits === before)) return false;
  void Promise.allSettled(writes).then(again);
  return true;
}
