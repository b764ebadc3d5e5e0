/** All limits of the server. docs/configuration.md has their defaults and effects. */
export interface Limits {
  /** Bytes of one message from a client; beyond: close 1009. */
  readonly message: number;
  /** The same before a socket is initialized. */
  readonly messageBeforeInitialize: number;
  /** Commands in flight per connection; beyond: the socket is not read until some are answered. */
  readonly inFlight: number;
  /**
   * Messages and requests that an app may take in per tick if a server has several; beyond: they
   * wait for a later tick.
   */
  readonly messagesPerTick: number;
  /**
   * Bytes of messages per tick, beside a small share of each socket; beyond: sockets take turns.
   */
  readonly bytesPerTick: number;
  /**
   * Bytes of incomplete or queued input of all clients; beyond: the largest holders are dropped.
   */
  readonly input: number;
  /** Subscriptions per connection; beyond: 429. */
  readonly subscriptions: number;
  /** Live queries among them; beyond: 429. */
  readonly queries: number;
  /**
   * Objects in the windows of all live queries of a node; beyond: 429, and growing windows fail.
   */
  readonly queryRows: number;
  /** Subscriptions over all connections of a uid, and of a node; beyond: 429. */
  readonly subscriptionsPerUid: number;
  readonly subscriptionsPerNode: number;
  /**
   * Comparisons that a live query may cost per change, four times as many if no index helps;
   * beyond: 409.
   */
  readonly windowWork: number;
  /** The same for all live queries of a uid, and for all windows of a node; beyond: 429. */
  readonly windowWorkPerUid: number;
  readonly windowWorkPerNode: number;
  /**
   * Bytes of memory of the filters of all live queries of a uid, and of all windows of a node;
   * beyond: 429.
   */
  readonly windowBytesPerUid: number;
  readonly windowBytesPerNode: number;
  /**
   * Bytes of output that may wait per connection before updates are conflated and no more commands
   * are read; beyond eight times that: close 1013.
   */
  readonly output: number;
  /**
   * Bytes of output that may wait for all clients of a node; beyond: those with the most are closed
   * with 1013.
   */
  readonly outputTotal: number;
  /**
   * Milliseconds in which an HTTP client has to read 64 KiB of its output, or all of it; beyond: it
   * is cut off.
   */
  readonly outputTime: number;
  /** Connections per node; beyond: 503 at the upgrade. */
  readonly connections: number;
  /** Connections per address; beyond: 503 at the upgrade. */
  readonly connectionsPerAddress: number;
  /**
   * Resumable sessions per node, and their bytes; beyond: the oldest of the owner with the most is
   * dropped.
   */
  readonly resumableSessions: number;
  readonly resumableBytes: number;
  /** Pushes, and their bytes, that are kept per connection for a resume; beyond: a snapshot. */
  readonly resumePushes: number;
  readonly resumeBytes: number;
  /** Milliseconds that one query may take; beyond: it is interrupted, with 503. */
  readonly queryTime: number;
  /** Queries that run at a time per uid; beyond: they wait, then 429. */
  readonly queriesAtOnce: number;
  /** Characters of an RQL filter; beyond: 409. */
  readonly filter: number;
  /** Bytes of the values that an RQL filter compares with, counting each use; beyond: 409. */
  readonly filterOperands: number;
  /** Levels of an RQL filter; beyond: 409. */
  readonly filterDepth: number;
  /** Revisions kept per object, unless the model says otherwise. */
  readonly history: number;
  /** Levels of JSON in a message; beyond: 400. */
  readonly depth: number;
  /** Bytes of JSON of one object; beyond: 409. */
  readonly object: number;
  /** Elements of a list; beyond: 409. */
  readonly list: number;
  /** Approximate bytes of JSON that the operations of one update may compare; beyond: 409. */
  readonly updateWork: number;
  /** Characters of a member's name, and of an operation's key; beyond: 409 or 400. */
  readonly keyLength: number;
  /** Steps of an operation's key; beyond: 409 or 400. */
  readonly pathDepth: number;
  /** Milliseconds that a script of a model may run. */
  readonly hookTime: number;
  /**
   * Post hooks that may trigger each other in a chain; beyond: the last one becomes a dead letter.
   */
  readonly hookChain: number;
  /** Bytes of memory that a script of a model may use. */
  readonly hookMemory: number;
  /** Bytes of unanswered script calls; beyond: calls of the owners with the most are refused. */
  readonly hooksWaiting: number;
}

export const defaultLimits: Limits = {
  message: 1024 * 1024,
  messageBeforeInitialize: 64 * 1024,
  inFlight: 256,
  messagesPerTick: 32,
  bytesPerTick: 1024 * 1024,
  input: 128 * 1024 * 1024,
  subscriptions: 10_000,
  queries: 100,
  queryRows: 500_000,
  subscriptionsPerUid: 50_000,
  subscriptionsPerNode: 2_000_000,
  windowWork: 50_000,
  windowWorkPerUid: 100_000,
  windowWorkPerNode: 2_000_000,
  windowBytesPerUid: 32 * 1024 * 1024,
  windowBytesPerNode: 512 * 1024 * 1024,
  output: 1024 * 1024,
  outputTotal: 512 * 1024 * 1024,
  outputTime: 60_000,
  connections: 100_000,
  connectionsPerAddress: 1000,
  resumableSessions: 20_000,
  resumableBytes: 256 * 1024 * 1024,
  resumePushes: 512,
  resumeBytes: 64 * 1024,
  queryTime: 5000,
  queriesAtOnce: 4,
  filter: 4096,
  filterOperands: 4 * 1024 * 1024,
  filterDepth: 32,
  history: 1000,
  depth: 64,
  object: 1024 * 1024,
  list: 10_000,
  updateWork: 4 * 1024 * 1024,
  keyLength: 256,
  pathDepth: 16,
  hookTime: 50,
  hookChain: 8,
  hookMemory: 32 * 1024 * 1024,
  hooksWaiting: 128 * 1024 * 1024,
};

/** Size of a page of a read, as a multiple of `limits.output`. */
export const pageShares = 3;

/**
 * Approximate bytes of a page of a read: it ends early beyond that, with at least one item (rule
 * LIM4).
 */
export function pageBytes({ output }: Pick<Limits, 'output'>): number {
  return pageShares * output;
}
