import type { Moves } from '../state-machine.js';

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

/** What may follow: `ready` is also after a renewal that was put off, the old token being good still. */
export const sessionMoves: Moves<SessionState> = {
  none: ['opening'],
  opening: ['initializing', 'none'],
  initializing: ['initializing', 'ready', 'none'],
  ready: ['ready', 'renewing', 'none'],
  renewing: ['ready', 'none'],
};
