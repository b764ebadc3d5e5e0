import type { JsonObject } from './json/json.js';

/** Who a session is: what the server read from its access token, and what rules and hooks see as `auth`. */
export interface Auth {
  readonly uid: string;
  readonly authType?: string | undefined;
  /** The R of the user's own object, where the token has one. */
  readonly _r?: string | undefined;
  readonly data?: JsonObject | undefined;
}

/** `meta.opBy` of a push, and what is stored of the author of a change: `data` holds public members only. */
export type Actor = Auth;
