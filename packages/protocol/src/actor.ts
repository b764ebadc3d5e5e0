import type { JsonObject } from './json/json.js';

/**
 * The identity of a session: what the server read from its access token, and rules and hooks see as
 * `auth`.
 */
export interface Auth {
  readonly uid: string;
  readonly authType?: string | undefined;
  /** The R of the user's own object, where the token has one. */
  readonly _r?: string | undefined;
  readonly data?: JsonObject | undefined;
  /** An operator's token, for which no access rule is evaluated (rule ADM1). */
  readonly admin?: true | undefined;
}

/** `meta.opBy` of a push, and the stored author of a change: `data` has public members only. */
export type Actor = Auth;
