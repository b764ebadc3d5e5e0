import type { ClientPlatform } from '../client-platform.js';
import type { ReallyError } from '../really-error.js';
import type { ClientWrite } from './client-write.js';

/** The writes of this client, as far as they may allow something. */
export interface OwnWrites {
  /** How many were committed. */
  readonly commits: number;
  /** Those that are not settled. */
  readonly waiting: Iterable<ClientWrite>;
  /** Those of them to one object, in order. */
  writesTo(r: string): Iterable<ClientWrite>;
}

interface AskAgainOptions {
  readonly context: {
    readonly platform: Pick<ClientPlatform, 'setTimer'>;
    readonly writes: OwnWrites;
  };
  /** `commits` when it was asked for. */
  readonly before: number;
  /** Called a second time where the writes end after all: nothing may come of that. */
  readonly again: () => void;
}

/** Milliseconds after which nobody waits for own writes any more: the server may not take any for hours. */
const patience = 30_000;

/**
 * What is refused while own writes are under way may be allowed by them: a list, by the create of a membership. Returns
 * whether `again` is called, once these writes are settled. Rule TSC17.
 */
export function askAgain(
  { code }: ReallyError,
  { context: { platform, writes: own }, before, again }: AskAgainOptions,
): boolean {
  const { commits, waiting } = own;
  const writes = [...waiting];
  const isForbidden = code === 403 || code === 404;
  if (!isForbidden || (writes.length === 0 && commits === before)) return false;
  const forget = platform.setTimer(patience, again);
  void Promise.allSettled(writes).then(() => {
    forget();
    again();
  });
  return true;
}
