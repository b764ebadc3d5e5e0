import type { Auth } from '@really/protocol';
import type { Audit } from '../../auth/audit.js';
import type { Tokens } from '../../auth/tokens.js';
import type { PushTarget } from '../../live/push-target.js';
import type { ResumableSubscription } from '../../live/resume/resumable-subscription.js';
import type { Deadlines } from '../../platform/scheduling/deadlines.js';
import type { CommandsInFlightDeps } from '../dispatch/commands-in-flight.js';
import type { Payer } from '../dispatch/owner-queues.js';
import type { CommandRates } from '../limits/command-rates.js';
import type { ActiveTokens } from '../resume/active-tokens.js';
import type { PushBufferLimits } from '../resume/push-buffer.js';
import type { ResumableSessions } from '../resume/resumable-sessions.js';

/** What all sessions of a gateway share. */
export interface SessionDeps extends CommandsInFlightDeps {
  readonly tokens: Pick<Tokens, 'verify'>;
  readonly live: {
    /** Of the store. */
    readonly epoch: string;
    /** The reader's view of a collection; `undefined` where it has no model. */
    viewOf(names: readonly string[], auth: Auth): string | undefined;
    onDrain(listener: PushTarget): void;
    /** Up to where it has heard of a collection; `undefined`: it is subscribed to none. */
    positionOf(listener: PushTarget): string | undefined;
    drop(listener: PushTarget): void;
    /** As `drop`, and gives what it takes to go on. */
    park(listener: PushTarget): readonly ResumableSubscription[];
    /** What was parked is taken, or will not be. */
    releaseParked(parked: readonly ResumableSubscription[]): void;
    /** Makes subscriptions again; to be begun once the answer and what was sent before are queued. */
    resume(listener: PushTarget, parked: readonly ResumableSubscription[]): Promise<() => void>;
    /** Its `auth` is another now. The answer is how many subscriptions have to be judged anew. */
    authChanged(listener: PushTarget): number;
  };
  readonly rates: CommandRates;
  readonly resumableSessions: ResumableSessions;
  readonly activeTokens: ActiveTokens;
  readonly audit: Audit;
  readonly pushBuffer: PushBufferLimits;
  /** Of the wall clock: when tokens expire. Calls `expire` of the session that is its key. */
  readonly tokenTimers: Pick<Deadlines, 'set' | 'clear'>;
  /** Commands that one session may have in flight. */
  readonly inFlight: number;
  /** Bytes of output that may wait before a socket counts as congested. */
  readonly output: number;
  /** Bytes that one object may have. */
  readonly object: number;
}

/** The connection as its session sees it. A test uses a plain object. */
export interface SessionSocket extends Payer {
  readonly address: string;
  readonly congested: boolean;
  send(frame: Buffer): void;
  close(code: number): void;
  /** It is known whose it is. */
  onAuthenticated(uid: string): void;
  /** Nothing more is read for so many milliseconds. */
  pauseFor(time: number): void;
  /** The session, busy until now, takes messages again. */
  proceed(): void;
}
