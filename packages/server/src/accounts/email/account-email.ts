/** An email to the owner of an account. */
export interface AccountEmail {
  /** The same for every attempt to send it. */
  readonly id: string;
  readonly kind: EmailKind;
  readonly to: string;
  readonly uid: string;
  /** The user's own object. */
  readonly r: string;
  /** To be sent back by the reader; an email of kind `changed` has none. */
  readonly token?: string | undefined;
  /** When the token expires: milliseconds since the Unix epoch. */
  readonly expires?: number | undefined;
}

export const emailKinds = ['reset', 'verify', 'changed'] as const;

export type EmailKind = (typeof emailKinds)[number];

/** Sends emails. */
export interface EmailTransport {
  /** Resolves when handed over. Rejects with a `PermanentFailure` where it can never be sent. */
  send(email: AccountEmail): Promise<void>;
}
