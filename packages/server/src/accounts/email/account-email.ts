/** What is sent to the owner of an account. */
export interface AccountEmail {
  /** The same however often it is sent. */
  readonly id: string;
  readonly kind: EmailKind;
  readonly to: string;
  readonly uid: string;
  /** The user's own object. */
  readonly r: string;
  /** What its reader sends back; a letter of kind `changed` has none. */
  readonly token?: string | undefined;
  /** When that is over: milliseconds since the Unix epoch. */
  readonly expires?: number | undefined;
}

export const emailKinds = ['reset', 'verify', 'changed'] as const;

export type EmailKind = (typeof emailKinds)[number];

/** How letters leave. */
export interface EmailTransport {
  /** Resolves when somebody else has it. Rejects with a `Hopeless` where it never can be sent. */
  send(email: AccountEmail): Promise<void>;
}
