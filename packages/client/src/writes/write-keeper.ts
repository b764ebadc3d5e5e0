import type { AgeClock } from '../age-clock.js';
import type { ClientPlatform } from '../client-platform.js';
import type { ReallyError } from '../really-error.js';
import type { ClientWrite, WriteDetails } from './client-write.js';
import type { CommandResult } from './write-request.js';

/** How a write ended. */
export type WriteEnding =
  | { readonly state: 'committed'; readonly results: readonly CommandResult[] }
  | { readonly state: 'refused' | 'uncertain'; readonly error: ReallyError };

/** What a keeper does with the queue of its page. */
export interface KeptQueue {
  readonly platform: ClientPlatform;
  /** Of the times in the states of writes. */
  readonly clock: AgeClock;
  /** The writes that are not settled, in order. */
  readonly waiting: Iterable<ClientWrite>;
  /** Whether writes of this uid may wait here. Where nobody's did before, only those may from now on. */
  takesOf(uid: string): boolean;
  /** A write that does not wait yet. */
  make(details: WriteDetails): ClientWrite;
  /** Adds a write, without sending it. `behind`: those that wait already and are to come after it. */
  wait(write: ClientWrite, behind?: readonly ClientWrite[]): void;
  /** Sends what nothing stands in the way of. */
  sendAll(): void;
  /** Ends a write that waits. */
  end(write: ClientWrite, ending: WriteEnding): void;
}

/**
 * Keeps writes beyond this page, by uid, and agrees with the other pages of the app on which of them
 * sends: `offline()` of `@really/client/offline` makes one. Rule TSC8.
 */
export interface WriteKeeper {
  /** Whether this page sends what is kept. */
  readonly isSender: boolean;
  /** Once, by the client that it is given to. Adds what the last user left. */
  start(queue: KeptQueue): void;
  /** There is a session of this uid; `undefined`: there is none any more. */
  session(uid: string | undefined): void;
  /** Resolves when it is kept; rejects where it cannot be, and then waits in this page only. */
  add(write: ClientWrite): Promise<void>;
  /** It is about to be sent. Resolves to whether that is kept; after a pause where it is not. Never rejects. */
  mark(write: ClientWrite): Promise<boolean>;
  /** Those that were not sent yet may be based on another revision now. */
  rebased(writes: Iterable<ClientWrite>): void;
  /**
   * Another page may be about to send it: has it kept no longer, if it was not sent. Resolves to whether it was not, and
   * never will be. Never rejects.
   */
  takeBack(write: ClientWrite): Promise<boolean>;
  /** One that is kept has ended. */
  end(write: ClientWrite, ending: WriteEnding): void;
  close(): void;
}
