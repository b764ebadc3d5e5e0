import type { ErrorBody, FieldErrors, Retry } from '@really/protocol/client';

/**
 * Messages of the errors that the client itself makes; their code is 0. `aborted`: its AbortSignal.
 * `offline`: there is no connection, and `queue: false`. `request.timeout`: no answer in time.
 * `connection.closed`: `close()` was called. `connection.lost`: it was sent once only, and the answer
 * did not arrive. `write.uncertain`: it may have been applied. `queue.full`: too many writes wait.
 * `user.changed`: the token is of another uid than when it was written. `dependency.refused`: it needs
 * an object whose create was refused; `cause` is that refusal. `not.kept`: of `queued`; the device did
 * not keep it, for the reason in `cause`, or it ended before.
 */
export type ClientErrorMessage =
  | 'aborted'
  | 'offline'
  | 'request.timeout'
  | 'connection.closed'
  | 'connection.lost'
  | 'write.uncertain'
  | 'queue.full'
  | 'user.changed'
  | 'dependency.refused'
  | 'not.kept';

export interface ReallyErrorDetails {
  readonly code: number;
  readonly message: string;
  readonly errors?: FieldErrors | undefined;
  readonly r?: string | undefined;
  readonly retry: Retry;
  readonly retryAfter?: number | undefined;
  readonly id?: string | undefined;
  readonly cause?: unknown;
}

/** Why a request or a write failed: the only error that promises of the client reject with. Rule TSC9. */
export class ReallyError extends Error {
  override readonly name = 'ReallyError';
  /** That of the server's answer, as in HTTP; 0 where the client itself failed it. */
  declare readonly code: number;
  /** Details by field: `{"email": ["email.invalid"]}`. */
  declare readonly errors: FieldErrors | undefined;
  /** The address that it is about, where there is one. */
  declare readonly r: string | undefined;
  /** Whether the same may succeed: never, now (with what is current), or later. */
  declare readonly retry: Retry;
  /** Seconds to wait, where the server said so. */
  declare readonly retryAfter: number | undefined;
  /** Of an internal error: what to search for in the server's log. */
  declare readonly id: string | undefined;

  /** The members that are declared above are those of the details. */
  constructor({ message, cause, ...members }: ReallyErrorDetails) {
    super(message, { cause });
    Object.assign(this, members);
  }
}

/** The error of a response or a push. */
export function serverError(error: ErrorBody, r?: string, retryAfter?: number): ReallyError {
  const { code, message, errors, id } = error;
  return new ReallyError({ code, message, errors, id, r, retryAfter, retry: retryOf(error) });
}

/** As the table of the protocol has it, of which a page needs no more; a test compares them. */
const nowMessages = [
  'initialize.required',
  'invalid/incorrect/expired access token',
  'object.revision.outdated',
  'position.gone',
];

function retryOf({ code, message }: ErrorBody): Retry {
  if (code === 429 || code === 503) return 'backoff';
  return nowMessages.includes(message) ? 'now' : 'never';
}

/** An error that the client itself makes. */
export function clientError(
  message: ClientErrorMessage,
  { r, cause, retry = 'never' }: Partial<Pick<ReallyErrorDetails, 'r' | 'cause' | 'retry'>> = {},
): ReallyError {
  return new ReallyError({ code: 0, message, r, cause, retry });
}

/** What the console says of an error that nothing else may show. Rule TSC9. */
export function errorText({ r, message, errors = {} }: ReallyError): string {
  return `really: ${r}: ${message} ${JSON.stringify(errors)}`;
}

/** The server closes the connection over it, however often it is sent. */
export function isTooLarge(error: ReallyError | undefined): boolean {
  return error?.message === 'message.too.large';
}
