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
    /** The epoch of the store. */
    readonly epoch: string;
    /** The view that a reader has of a collection; `undefined` if it has no model. */
    viewOf(names: readonly string[], auth: Auth): string | undefined;
    onDrain(listener: PushTarget): void;
    /**
     * The position up to which a collection's events were received; `undefined` if it is not
     * subscribed to any.
     */
    positionOf(listener: PushTarget): string | undefined;
    drop(listener: PushTarget): void;
    /** As `drop`, and returns what is needed to resume the subscriptions. */
    park(listener: PushTarget): readonly ResumableSubscription[];
    /** Releases parked subscriptions, which were resumed or have expired. */
    releaseParked(parked: readonly ResumableSubscription[]): void;
    /** Resumes subscriptions. Call once the response and the earlier pushes are queued. */
    resume(listener: PushTarget, parked: readonly ResumableSubscription[]): Promise<() => void>;
    /**
     * The `auth` of the target has changed. Returns the number of subscriptions to authorize again.
     */
    authChanged(listener: PushTarget): number;
  };
  readonly rates: CommandRates;
  readonly resumableSessions: ResumableSessions;
  readonly activeTokens: ActiveTokens;
  readonly audit: Audit;
  readonly pushBuffer: PushBufferLimits;
  /** Token expiry, by the wall clock. Calls `expire` of the session that is the key. */
  readonly tokenTimers: Pick<Deadlines, 'set' | 'clear'>;
  /** Limit of commands in flight per session. */
  readonly inFlight: number;
  /** Output bytes waiting from which a socket counts as congested. */
  readonly output: number;
  /** Limit of bytes per object. */
  readonly object: number;
}

/** A connection as its session sees it. Tests use a plain object. */
export interface SessionSocket extends Payer {
  readonly address: string;
  readonly congested: boolean;
  send(frame: Buffer): void;
  close(code: number): void;
  /** The uid is known from now on. */
  onAuthenticated(uid: string): void;
  /** Reads nothing for this many milliseconds. */
  pauseFor(time: number): void;
  /** The session was busy and takes messages again. */
  proceed(): void;
}
