import type { Auth } from '@really/protocol';
import type { Audit } from '../auth/audit.js';
import type { Tokens } from '../auth/tokens.js';
import type { Listener } from '../live/listener.js';
import type { Parked } from '../live/parked.js';
import type { Deadlines } from '../platform/deadlines.js';
import type { Payer } from './answer-lines.js';
import type { CommandRates } from './command-rates.js';
import type { FlightHost } from './commands-in-flight.js';
import type { Handles } from './handles.js';
import type { LiveTokens } from './live-tokens.js';
import type { SentPushesLimits } from './sent-pushes.js';

/** What all sessions of a gateway share. */
export interface SessionHost extends FlightHost {
  readonly tokens: Pick<Tokens, 'verify'>;
  readonly live: {
    /** Of the store. */
    readonly epoch: string;
    /** The reader's view of a collection; `undefined` where it has no model. */
    viewOf(names: readonly string[], auth: Auth): string | undefined;
    drained(listener: Listener): void;
    /** Up to where it has heard of a collection; `undefined`: it is subscribed to none. */
    positionOf(listener: Listener): string | undefined;
    drop(listener: Listener): void;
    /** As `drop`, and gives what it takes to go on. */
    park(listener: Listener): readonly Parked[];
    /** What was parked is taken, or will not be. */
    forget(parked: readonly Parked[]): void;
    /** Makes subscriptions again; to be begun once the answer and what was sent before are queued. */
    resume(listener: Listener, parked: readonly Parked[]): Promise<() => void>;
    /** Its `auth` is another now. The answer is how many subscriptions have to be judged anew. */
    reauthorized(listener: Listener): number;
  };
  readonly rates: CommandRates;
  readonly handles: Handles;
  readonly liveTokens: LiveTokens;
  readonly audit: Audit;
  readonly sentPushes: SentPushesLimits;
  /** Of the wall clock: when tokens expire. Calls `expire` of the session that is its key. */
  readonly expiries: Pick<Deadlines, 'set' | 'clear'>;
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
  admitted(uid: string): void;
  /** Nothing more is read for so many milliseconds. */
  hold(time: number): void;
  /** The session, busy until now, takes messages again. */
  proceed(): void;
}
