import type { Moves } from '../state-machine.js';

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

/** What may follow. */
export const connectionMoves: Moves<ConnectionState> = {
  connecting: ['connected', 'disconnected', 'needs-auth', 'refused', 'closed'],
  connected: ['disconnected', 'needs-auth', 'refused', 'closed'],
  disconnected: ['connecting', 'closed'],
  'needs-auth': ['connecting', 'closed'],
  refused: ['connecting', 'closed'],
  closed: [],
};
