import { stay, type TransitionTable } from '../state-machine.js';

/** Who the server says that the session is. */
export interface SessionUser {
  readonly uid: string;
  readonly authType?: string;
  readonly _r?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface SessionInfo {
  readonly handle: string;
  readonly user: SessionUser;
  /** Of the store. */
  readonly epoch: string;
  /** The hash of the server's models, if the client named its own. */
  readonly models?: string | undefined;
  /** When the token expires, in milliseconds since 1970. */
  readonly expires: number | undefined;
}

/** What a connection is to the server. */
export type SessionState =
  /** There is no socket. */
  | { readonly state: 'none' }
  /** The token is fetched, then the socket opened. */
  | { readonly state: 'opening' }
  /** `initialize` is sent. `isSecond`: with another token, after the first was refused. */
  | { readonly state: 'initializing'; readonly token: string; readonly isSecond: boolean }
  | { readonly state: 'ready'; readonly info: SessionInfo }
  /** A new token is fetched, and sent on the open socket. The session goes on meanwhile. */
  | { readonly state: 'renewing'; readonly info: SessionInfo };

export type SessionEvent =
  | { readonly event: 'open' }
  /** `initialize` was sent with this token. */
  | { readonly event: 'greet'; readonly token: string }
  | { readonly event: 'initialized'; readonly info: SessionInfo }
  | { readonly event: 'renew' }
  /** The token could not be fetched, but the old one is still good. */
  | { readonly event: 'postpone' }
  /** The socket or the attempt is over. */
  | { readonly event: 'end' };

type Of<Name extends SessionEvent['event']> = Extract<SessionEvent, { event: Name }>;

const none = (): SessionState => ({ state: 'none' });
const opening = (): SessionState => ({ state: 'opening' });
const ready = (_: unknown, { info }: Of<'initialized'>): SessionState => ({ state: 'ready', info });

export const sessionTable: TransitionTable<SessionState, SessionEvent> = {
  none: {
    open: opening,
    greet: stay,
    initialized: stay,
    renew: stay,
    postpone: stay,
    end: stay,
  },
  opening: {
    open: stay,
    greet: (_, { token }) => ({ state: 'initializing', token, isSecond: false }),
    initialized: stay,
    renew: stay,
    postpone: stay,
    end: none,
  },
  initializing: {
    open: stay,
    greet: (_, { token }) => ({ state: 'initializing', token, isSecond: true }),
    initialized: ready,
    renew: stay,
    postpone: stay,
    end: none,
  },
  ready: {
    open: stay,
    greet: stay,
    initialized: ready,
    renew: ({ info }) => ({ state: 'renewing', info }),
    postpone: stay,
    end: none,
  },
  renewing: {
    open: stay,
    greet: stay,
    initialized: ready,
    renew: stay,
    postpone: ({ info }) => ({ state: 'ready', info }),
    end: none,
  },
};
