import { stay, type TransitionTable } from '../state-machine.js';

/** The state of the connection. Rule TSC5. */
export type ConnectionState =
  /** A token is fetched, a socket opened and initialized. */
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'connected'; readonly attempt: number }
  | {
      readonly state: 'disconnected';
      readonly reason: string;
      /** When it is tried again, in milliseconds since 1970; earlier when the device comes back. */
      readonly retryAt: number;
      readonly attempt: number;
    }
  /** The user has to sign in: there is no token, or the server refuses it. */
  | { readonly state: 'needs-auth'; readonly reason: string }
  /** The server says no, and would say so again: another version, an unknown app. */
  | { readonly state: 'refused'; readonly reason: string }
  /** By `close()`, for good. */
  | { readonly state: 'closed'; readonly reason: string };

export type ConnectionEvent =
  /** It is time to try, or the device is back, or the app asks for it. */
  | { readonly event: 'connect' }
  | { readonly event: 'initialized' }
  | {
      readonly event: 'lost';
      readonly reason: string;
      readonly retryAt: number;
      readonly attempt: number;
    }
  | { readonly event: 'unauthorized'; readonly reason: string }
  | { readonly event: 'refuse'; readonly reason: string }
  | { readonly event: 'close'; readonly reason: string };

type Of<Name extends ConnectionEvent['event']> = Extract<ConnectionEvent, { event: Name }>;

const lost = (_: unknown, { reason, retryAt, attempt }: Of<'lost'>): ConnectionState => {
  return { state: 'disconnected', reason, retryAt, attempt };
};
const needsAuth = (_: unknown, { reason }: Of<'unauthorized'>): ConnectionState => {
  return { state: 'needs-auth', reason };
};
const refused = (_: unknown, { reason }: Of<'refuse'>): ConnectionState => {
  return { state: 'refused', reason };
};
const closed = (_: unknown, { reason }: Of<'close'>): ConnectionState => {
  return { state: 'closed', reason };
};
const retry = ({ attempt }: { readonly attempt: number }): ConnectionState => {
  return { state: 'connecting', attempt };
};
const startAgain = (): ConnectionState => ({ state: 'connecting', attempt: 0 });

export const connectionTable: TransitionTable<ConnectionState, ConnectionEvent> = {
  connecting: {
    connect: stay,
    initialized: ({ attempt }) => ({ state: 'connected', attempt }),
    lost,
    unauthorized: needsAuth,
    refuse: refused,
    close: closed,
  },
  connected: {
    connect: stay,
    initialized: stay,
    lost,
    unauthorized: needsAuth,
    refuse: refused,
    close: closed,
  },
  disconnected: {
    connect: retry,
    initialized: stay,
    lost: stay,
    unauthorized: stay,
    refuse: stay,
    close: closed,
  },
  'needs-auth': {
    connect: startAgain,
    initialized: stay,
    lost: stay,
    unauthorized: stay,
    refuse: stay,
    close: closed,
  },
  refused: {
    connect: startAgain,
    initialized: stay,
    lost: stay,
    unauthorized: stay,
    refuse: stay,
    close: closed,
  },
  closed: {
    connect: stay,
    initialized: stay,
    lost: stay,
    unauthorized: stay,
    refuse: stay,
    close: stay,
  },
};
