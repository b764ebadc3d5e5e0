/** What a client can do about an error. */
export type Retry =
  /** The same request gets the same error. */
  | 'never'
  /**
   * Immediately, once the client has renewed what the message names: its revision, its token, its
   * position.
   */
  | 'now'
  /** The same request later; `meta.retryAfter` says when. */
  | 'backoff';

export interface ErrorKind {
  readonly code: number;
  readonly retry: Retry;
  /** Whether the server closes the socket after sending it. */
  readonly closes: boolean;
}

/**
 * Every error of the protocol by its message. A hook may send others, with `cancel(code, message)`.
 */
export const errorTable = {
  'json.malformed': { code: 400, retry: 'never', closes: true },
  'request.invalid': { code: 400, retry: 'never', closes: false },
  'initialize.required': { code: 400, retry: 'now', closes: false },
  'initialize.invalid': { code: 400, retry: 'never', closes: false },
  'r.invalid': { code: 400, retry: 'never', closes: false },
  'r.object.required': { code: 400, retry: 'never', closes: false },
  'r.collection.required': { code: 400, retry: 'never', closes: false },
  'invalid/incorrect/expired access token': { code: 401, retry: 'now', closes: false },
  'credentials.invalid': { code: 401, retry: 'never', closes: false },
  'link.invalid': { code: 401, retry: 'never', closes: false },
  forbidden: { code: 403, retry: 'never', closes: false },
  'object.missing': { code: 404, retry: 'never', closes: false },
  'object.parent.missing': { code: 404, retry: 'never', closes: false },
  'model.unknown': { code: 404, retry: 'never', closes: false },
  'subscription.missing': { code: 404, retry: 'never', closes: false },
  'command.unknown': { code: 405, retry: 'never', closes: false },
  'validation.failed': { code: 409, retry: 'never', closes: false },
  'query.invalid': { code: 409, retry: 'never', closes: false },
  'object.revision.outdated': { code: 409, retry: 'now', closes: false },
  'object.revision.unknown': { code: 409, retry: 'never', closes: false },
  'object.already.exist': { code: 409, retry: 'never', closes: false },
  'object.referenced': { code: 409, retry: 'never', closes: false },
  'once.reused': { code: 409, retry: 'never', closes: false },
  'object.gone': { code: 410, retry: 'never', closes: false },
  'position.gone': { code: 410, retry: 'now', closes: false },
  'message.too.large': { code: 413, retry: 'never', closes: true },
  'answer.too.large': { code: 413, retry: 'never', closes: false },
  'rate.limited': { code: 429, retry: 'backoff', closes: false },
  'internal.server.error': { code: 500, retry: 'never', closes: false },
  'server.unavailable': { code: 503, retry: 'backoff', closes: false },
} as const satisfies Record<string, ErrorKind>;

export type ErrorMessage = keyof typeof errorTable;

/** Details by the path of the field or argument. */
export type FieldErrors = Record<string, string[]>;

export interface ErrorDetails {
  readonly code: number;
  readonly message: string;
  readonly errors?: FieldErrors | undefined;
  readonly meta?: ErrorMeta | undefined;
  readonly id?: string | undefined;
}

export type ErrorMeta = {
  /** Seconds. */
  readonly retryAfter: number;
};

/** The `error` member of a response or push. */
export type ErrorBody = {
  code: number;
  message: string;
  errors?: FieldErrors;
  /** Of a 500: the id to search for in the server's log. */
  id?: string;
};

/** The only error that is sent to clients. Any other error thrown is a failure of the server. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: number;
  readonly errors?: FieldErrors | undefined;
  /** Goes into the `meta` of the response, beside `error`. */
  readonly meta?: ErrorMeta | undefined;
  readonly id?: string | undefined;

  constructor(details: ErrorDetails) {
    super(details.message);
    this.code = details.code;
    this.errors = details.errors;
    this.meta = details.meta;
    this.id = details.id;
  }

  /** The `error` member. `errors` only where it is not empty. */
  toJSON(): ErrorBody {
    const body: ErrorBody = { code: this.code, message: this.message };
    if (this.errors && Object.keys(this.errors).length > 0) body.errors = this.errors;
    if (this.id !== undefined) body.id = this.id;
    return body;
  }
}

/** An error of the table, ready to throw: `throw fail('object.gone')`. */
export function fail(
  message: ErrorMessage,
  errors?: FieldErrors,
  more?: Pick<ErrorDetails, 'meta' | 'id'>,
): ProtocolError {
  return new ProtocolError({ ...more, code: errorTable[message].code, message, errors });
}

/** A command refused for one argument: `fail.invalid('cmdOpts.limit', 'expected.integer')`. */
fail.invalid = function invalid(path: string, detail: string): ProtocolError {
  return fail('request.invalid', Object.fromEntries([[path, [detail]]]));
};

/** 429, to be tried again after so many seconds. `errors` names what was used up, if it helps. */
fail.rateLimited = function rateLimited(retryAfter = 1, errors?: FieldErrors): ProtocolError {
  return fail('rate.limited', errors, { meta: { retryAfter } });
};

/** WebSocket close codes as the server uses them. */
export const closeCodes = {
  /** Closed by the client. */
  normal: 1000,
  /** The server shuts down. */
  goingAway: 1001,
  /** Malformed JSON, or a binary frame. */
  unsupported: 1003,
  /** Kicked, token expired, too many failures. */
  policy: 1008,
  /** A message over the size limit. */
  tooBig: 1009,
  overload: 1013,
} as const;
