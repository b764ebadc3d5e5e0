/** Every bound of the server: what, how much, and what happens beyond it is told in docs/configuration.md. */
export interface Limits {
  /** Bytes of one message from a client; beyond: close 1009. */
  readonly message: number;
  /** The same before a socket is initialized. */
  readonly messageBeforeInitialize: number;
  /** Commands in flight per connection; beyond: the socket is not read until some are answered. */
  readonly inFlight: number;
  /** Messages and requests that an app takes in at once, where a server has several; beyond: they wait until the others had theirs. */
  readonly messagesPerTick: number;
  /** Bytes of messages that sockets bring at once, beside a little of each; beyond: they take turns. */
  readonly bytesPerTick: number;
  /** Bytes of input that is not whole yet or waits, of all clients; beyond: the greediest go. */
  readonly input: number;
  /** Subscriptions per connection; beyond: 429. */
  readonly subscriptions: number;
  /** Of these, live queries; beyond: 429. */
  readonly queries: number;
  /** Objects that the windows of all live queries know of, per node; beyond: 429, and windows that grow fail. */
  readonly queryRows: number;
  /** Subscriptions of all connections of a uid, and of all on a node; beyond: 429. */
  readonly subscriptionsPerUid: number;
  readonly subscriptionsPerNode: number;
  /** Comparisons that one live query may cost per change, four times as many where no index helps; beyond: 409. */
  readonly windowWork: number;
  /** Those of all live queries of a uid, and of all windows of a node; beyond: 429. */
  readonly windowWorkPerUid: number;
  readonly windowWorkPerNode: number;
  /** Bytes of memory that the filters of all live queries of a uid take, and of all windows of a node; beyond: 429. */
  readonly windowBytesPerUid: number;
  readonly windowBytesPerNode: number;
  /** Bytes of output that may wait per connection before updates are conflated and no more commands are taken; beyond eight times that: close 1013. */
  readonly output: number;
  /** Bytes of output that may wait for all clients of a node together; beyond: those for whom most waits are ended, close 1013. */
  readonly outputTotal: number;
  /** Milliseconds in which an HTTP client takes 64 KiB of what waits for it, or all of it; beyond: it is cut off. */
  readonly outputTime: number;
  /** Connections per node; beyond: 503 at the upgrade. */
  readonly connections: number;
  /** Connections per address; beyond: 503 at the upgrade. */
  readonly connectionsPerAddress: number;
  /** Sessions that dropped and can be resumed, per node, and bytes of them; beyond: the oldest of whoever has most can not. */
  readonly resumableSessions: number;
  readonly resumableBytes: number;
  /** Pushes of a connection, and bytes of them, that are kept for when it drops; beyond: a snapshot. */
  readonly resumePushes: number;
  readonly resumeBytes: number;
  /** Milliseconds that one query may take; beyond: 503, interrupted in the store. */
  readonly queryTime: number;
  /** Queries at once per uid; beyond: they wait, then 429. */
  readonly queriesAtOnce: number;
  /** Characters of an RQL filter; beyond: 409. */
  readonly filter: number;
  /** Bytes of the values that an RQL filter compares with, each use counted; beyond: 409. */
  readonly filterOperands: number;
  /** Levels of an RQL filter; beyond: 409. */
  readonly filterDepth: number;
  /** Revisions kept per object, where the model says nothing. */
  readonly history: number;
  /** Levels of JSON in a message; beyond: 400. */
  readonly depth: number;
  /** Bytes of JSON of one object; beyond: 409. */
  readonly object: number;
  /** Elements of a list; beyond: 409. */
  readonly list: number;
  /** Bytes of JSON that the operations of one update may compare, about; beyond: 409. */
  readonly updateWork: number;
  /** Characters of a member's name, and of an operation's key; beyond: 409 or 400. */
  readonly keyLength: number;
  /** Steps of an operation's key; beyond: 409 or 400. */
  readonly pathDepth: number;
  /** Milliseconds that a script of a model may run. */
  readonly hookTime: number;
  /** Post hooks that may set each other off, one after the other; beyond: the last one's work becomes a dead letter. */
  readonly hookChain: number;
  /** Bytes of memory that a script of a model may use. */
  readonly hookMemory: number;
  /** Bytes that calls of scripts may take while they have no answer; beyond: those who have most of them are refused. */
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

/** Of the output that may wait, so many times `limits.output` may be one page of a read. */
export const pageShares = 3;

/** Bytes that a page of a read has, about: it ends early beyond, with one item at least (rule LIM4). */
export function pageBytes({ output }: Pick<Limits, 'output'>): number {
  return pageShares * output;
}
