import type { ReallyError } from '../really-error.js';
import { stay, type TransitionTable } from '../state-machine.js';

/** The state of a write. Rule TSC1. */
export type WriteState<Result = unknown> =
  /**
   * It waits: for a connection, for writes before it, or until `notBefore`. `firstSentAt` where it was
   * sent before and its answer was lost; both in milliseconds of the queue's clock.
   */
  | {
      readonly state: 'queued';
      readonly firstSentAt?: number | undefined;
      readonly notBefore?: number | undefined;
    }
  | { readonly state: 'sent'; readonly firstSentAt: number }
  | { readonly state: 'committed'; readonly result: Result }
  | { readonly state: 'refused'; readonly error: ReallyError }
  /** It may have been applied or not, and is not sent again. */
  | { readonly state: 'uncertain'; readonly error: ReallyError };

export type WriteEvent<Result = unknown> =
  | { readonly event: 'send'; readonly at: number }
  /** The connection dropped before the answer. */
  | { readonly event: 'lose' }
  /** The server wants it later: nothing was written. */
  | { readonly event: 'defer'; readonly notBefore: number }
  | { readonly event: 'commit'; readonly result: Result }
  | { readonly event: 'refuse'; readonly error: ReallyError }
  /** Nobody will know any more: too late to send it again, no answer in time, aborted when sent. */
  | { readonly event: 'doubt'; readonly error: ReallyError };

type Of<Name extends WriteEvent['event']> = Extract<WriteEvent, { event: Name }>;

const refused = (_: unknown, { error }: Of<'refuse'>): WriteState => ({ state: 'refused', error });
const uncertain = (_: unknown, { error }: Of<'doubt'>): WriteState => {
  return { state: 'uncertain', error };
};
const final = { send: stay, lose: stay, defer: stay, commit: stay, refuse: stay, doubt: stay };

export const writeTable: TransitionTable<WriteState, WriteEvent> = {
  queued: {
    send: ({ firstSentAt }, { at }) => ({ state: 'sent', firstSentAt: firstSentAt ?? at }),
    lose: stay,
    defer: ({ firstSentAt }, { notBefore }) => ({ state: 'queued', firstSentAt, notBefore }),
    commit: stay,
    refuse: refused,
    doubt: uncertain,
  },
  sent: {
    send: stay,
    lose: ({ firstSentAt }) => ({ state: 'queued', firstSentAt }),
    defer: ({ firstSentAt }, { notBefore }) => ({ state: 'queued', firstSentAt, notBefore }),
    commit: (_, { result }) => ({ state: 'committed', result }),
    refuse: refused,
    doubt: uncertain,
  },
  committed: final,
  refused: final,
  uncertain: final,
};
