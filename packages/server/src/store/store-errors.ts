/** The store cannot serve now; nothing was written, but see `OutcomeUnknown`. Answered as 503 `server.unavailable`. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** The store ended before it answered: nobody knows yet whether it wrote. */
export class OutcomeUnknown extends StoreUnavailable {}

/**
 * Writes cannot be served now. The message has the reason in a few words, and is public (rule
 * DUR11).
 */
export class WritesUnavailable extends StoreUnavailable {}

/**
 * The store cannot be opened as it is: used by another process, written by a newer version, not a
 * store at all. The message is one line for the operator, who has to act.
 */
export class StoreRefused extends Error {
  override readonly name: string = 'StoreRefused';
  /** It may pass without action: a full disk, or another process's lock. */
  readonly passing: boolean;
  constructor(
    message: string,
    { passing = false, cause }: { passing?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.passing = passing;
  }
}

/** Another process has the store open, most likely a server. */
export class StoreInUse extends StoreRefused {
  override readonly name = 'StoreInUse';
  constructor(message: string) {
    super(message, { passing: true });
  }
}

/**
 * The store lacks changes that were committed, and so may have been answered (rule DUR9).
 * `missing`: their number, where known.
 */
export class AnswersMissing extends StoreRefused {
  override readonly name = 'AnswersMissing';
  readonly missing: number | undefined;
  constructor(message: string, missing: number | undefined) {
    super(message);
    this.missing = missing;
  }
}

/** A query used up its time and was stopped. Answered as 503 `server.unavailable`. */
export class QueryTimeout extends Error {
  override readonly name = 'QueryTimeout';
}

/** A new unique index found two stored objects with one value. */
export class UniqueClash extends Error {
  override readonly name = 'UniqueClash';
  readonly collection: string;
  readonly fields: readonly string[];
  constructor(collection: string, fields: readonly string[]) {
    const [value, become] =
      fields.length === 1 ? ['value', 'it cannot become'] : ['values', 'they cannot become'];
    super(
      `two objects of ${collection} have the same ${value} in ${fields.join(' and ')}, so ${become} unique`,
    );
    this.collection = collection;
    this.fields = fields;
  }
}
