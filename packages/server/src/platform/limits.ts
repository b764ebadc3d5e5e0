/**
 * Everything that a limit is: from its line here come the setting `limits.<name>` with its bounds,
 * its row in the docs, the metric `really_limit`, and the member of `Limits` that is passed to whoever
 * keeps it.
 */
export interface LimitDeclaration {
  /** A size is in bytes, a duration in milliseconds. */
  readonly unit: 'count' | 'size' | 'duration';
  readonly fallback: number;
  /** Bounds of the value, inclusive; by default from 1. */
  readonly least: number;
  readonly most?: number | undefined;
  /** What is limited, and what happens beyond; without a full stop. */
  readonly doc: string;
}

interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

const limit =
  (unit: LimitDeclaration['unit']) =>
  (fallback: number, doc: string, { least = 1, most }: Bounds = {}): LimitDeclaration => ({
    ...{ unit, fallback, least, most, doc },
  });

const count = limit('count');
const size = limit('size');
const duration = limit('duration');

const kib = 1024;
const mib = 1024 * kib;
const day = 86_400_000;

/** The limits, by name. Those that say nothing else are per app. */
export const limits = {
  message: size(mib, 'bytes of one message; beyond: close 1009'),
  messageBeforeInitialize: size(
    64 * kib,
    'bytes of one message before the socket is initialized; beyond: close 1009',
  ),
  inFlight: count(256, 'commands in flight per connection; beyond: the socket is not read'),
  messagesPerTick: count(
    32,
    'with several apps, messages and requests of one app per tick; beyond: they wait until the other apps had their turn',
  ),
  bytesPerTick: size(
    mib,
    'bytes of messages read from the sockets of an app in one tick of the event loop, in addition to a small amount per socket; beyond: the sockets take turns',
  ),
  input: size(
    128 * mib,
    'bytes of incomplete and waiting messages and request bodies of all clients; beyond: the largest are dropped, with close 1013 or 503',
  ),
  subscriptions: count(10_000, 'subscriptions per connection; beyond: 429'),
  queries: count(100, 'live queries among the subscriptions of a connection; beyond: 429'),
  queryRows: count(
    500_000,
    'objects in the windows of all live queries, per node; beyond: the uid with most of them loses its live queries, or 429, and windows that grow end with failed',
  ),
  subscriptionsPerUid: count(
    50_000,
    'subscriptions of all connections of a uid, or of all anonymous tokens of an address; beyond: 429',
  ),
  subscriptionsPerNode: count(
    2_000_000,
    'subscriptions per node; beyond: 429, or the uid with most of them loses some',
  ),
  rooms: count(20, 'rooms that a connection is in; beyond: 429'),
  roomState: size(2 * kib, 'JSON of the state of a member of a room; beyond: 400'),
  roomMessage: size(16 * kib, 'JSON of a message to a room; beyond: 400'),
  roomOutput: size(
    64 * kib,
    'waiting output of a connection; beyond: pushes of rooms are left out, and the whole list follows',
  ),
  roomMembersPerUid: count(
    2000,
    'rooms that all connections of a uid are in, or all anonymous tokens of an address; beyond: 429',
  ),
  roomMembersPerNode: count(200_000, 'the same for all connections of the node; beyond: 429'),
  roomStatesPerNode: size(
    128 * mib,
    'approximate memory of the states of all members of rooms, per node; beyond: 429',
  ),
  windowWork: count(
    50_000,
    'comparisons that a live query may cost per change, four times as many if its filter cannot be indexed, and 64 more if changes of other objects make the query read again; beyond: 409',
  ),
  windowWorkPerUid: count(
    100_000,
    'the same for all live queries of a uid, or of all anonymous tokens of an address; beyond: 429',
  ),
  windowWorkPerNode: count(
    2_000_000,
    'the same for all windows, per node; beyond: 429, or the uid with most of it loses its live queries',
  ),
  windowBytesPerUid: size(
    32 * mib,
    'memory of the filters of all live queries of a uid, or of all anonymous tokens of an address; beyond: 429',
  ),
  windowBytesPerNode: size(
    512 * mib,
    'memory of the filters of all windows, per node; beyond: 429, or the uid with most of it loses its live queries',
  ),
  outputBuffer: size(
    mib,
    'waiting output per connection; beyond: updates are conflated and commands wait; beyond 8 times that: close 1013',
  ),
  outputTotal: size(
    512 * mib,
    'waiting output of all clients of the node together; beyond: the clients with most of it are closed with 1013',
  ),
  outputTime: duration(
    60_000,
    'time in which a client has to read 64KiB of its waiting output, or all of it; beyond: it is cut off, a WebSocket with 1013',
  ),
  connections: count(100_000, 'connections per node; beyond: 503 at the upgrade'),
  connectionsPerAddress: count(
    1000,
    'connections per address; beyond: 503 at the upgrade, and plain HTTP connections are cut off',
  ),
  resumableSessions: count(
    20_000,
    'dropped sessions that can be resumed, per node; beyond: the oldest of the uid with most of them cannot',
    { least: 0 },
  ),
  resumableBytes: size(
    256 * mib,
    'bytes of these sessions, per node; beyond: the oldest of the uid with most of them cannot',
  ),
  revokedTokens: count(
    500_000,
    'tokens that were revoked and have not expired, per node; beyond: 429 for the logout of a uid with several of them',
  ),
  resumePushes: count(
    512,
    'last pushes of a connection that are kept for resuming; beyond: a snapshot',
  ),
  resumeBytes: size(64 * kib, 'bytes of these pushes; beyond: a snapshot'),
  concurrentHashes: count(
    2,
    'concurrent password hashes; beyond: they wait, 5 s at most, then 503',
    { most: 64 },
  ),
  queuedHashes: count(256, 'waiting password hashes; beyond: 503', { least: 0 }),
  pendingJobs: count(10_000, 'emails and revocations that wait or run; beyond: 503 for new emails'),
  queryTime: duration(5000, 'time of one query; beyond: 503'),
  queriesAtOnce: count(
    4,
    'concurrent queries per uid, or of all anonymous tokens of an address; beyond: they wait, then 429',
  ),
  filter: count(4096, 'characters of a filter; beyond: 409'),
  filterOperands: size(
    4 * mib,
    'size of the values that a filter compares with; a value used twice counts twice; beyond: 409',
  ),
  filterDepth: count(32, 'levels of a filter; beyond: 409', { most: 1000 }),
  history: count(1000, 'revisions kept per object; beyond: a snapshot'),
  once: count(1000, 'once-ids remembered per uid; beyond: the oldest is forgotten'),
  depth: count(64, 'levels of JSON; beyond: 400', { most: 1000 }),
  object: size(mib, 'JSON of one object; beyond: 409'),
  list: count(10_000, 'elements of a list; beyond: 409'),
  updateWork: size(4 * mib, 'JSON that one update compares in lists; beyond: 409'),
  keyLength: count(256, "characters of a member's name and of a key; beyond: 409 or 400"),
  pathDepth: count(16, 'steps of a key; beyond: 409 or 400', { most: 1000 }),
  hookTime: duration(50, 'time of one hook or rule; beyond: 500, and 429 for a while after many'),
  hookMemory: size(32 * mib, 'memory of one hook or rule; beyond: 500'),
  hooksWaiting: size(
    128 * mib,
    'waiting and running calls of hooks and rules, with their arguments; beyond: 429 for the owners with most of them',
  ),
  hookChain: count(
    8,
    'post hooks in a chain, each started by a write of the one before; beyond: a dead letter',
    { most: 1000 },
  ),
  hookReads: count(
    50,
    'calls of get, read and count in one run of a post hook; beyond: they throw',
    { most: 1000 },
  ),
  hookAnswers: size(4 * mib, 'JSON of the answers to these calls in one run; beyond: they throw', {
    most: 16 * mib,
  }),
  hookWrites: size(
    4 * mib,
    'JSON of the writes and events that one run asks for; beyond: the run fails',
    { most: 64 * mib },
  ),
  hookAttempts: count(5, 'attempts to run a post hook; beyond: a dead letter', { most: 100 }),
  outbox: count(
    1_000_000,
    'waiting runs of post hooks; beyond: 503 for writes of the owners with most of them',
  ),
  webhookEvents: count(
    100_000,
    'waiting events of one webhook; beyond: new ones are left out, counted and logged',
  ),
  webhookAttempts: count(15, 'attempts to deliver an event to a webhook; beyond: a dead letter', {
    most: 1000,
  }),
  webhookAge: duration(3 * day, 'how long a delivery is tried; beyond: a dead letter'),
  webhookTime: duration(10_000, 'time of one attempt; beyond: it fails'),
  webhooksAtOnce: count(4, 'concurrent attempts to one webhook', { most: 1000 }),
  deadLetters: count(
    1000,
    'dead letters kept; beyond: the oldest of the owner with most are deleted',
    { least: 0 },
  ),
  deadLetterAge: duration(30 * day, 'how long a dead letter is kept; beyond: it is deleted'),
  cachedObjects: count(
    100_000,
    'objects in the cache; beyond: the least recently used are dropped',
  ),
  cacheBytes: size(
    128 * mib,
    'approximate memory of the objects in the cache; beyond: the least recently used are dropped',
  ),
  commitWrites: count(
    256,
    'writes that share one commit; beyond: they wait for the next (a larger batch has a commit of its own)',
  ),
  commitBytes: size(
    8 * mib,
    'approximate size of these writes; beyond: further writes wait for the next commit',
  ),
} satisfies Record<string, LimitDeclaration>;

/** The rates, by name: settings `rate.<name>`. 0: no limit. */
export const rates = {
  commands: count(1000, 'commands per second of one uid; 0 is off', { least: 0 }),
  address: count(10_000, 'commands per second of one address; 0 is off', { least: 0 }),
  bytes: size(
    8 * mib,
    'bytes per second received from one uid; beyond: its sockets are not read; 0 is off',
    { least: 0 },
  ),
  addressBytes: size(
    16 * mib,
    'bytes per second received from one address; beyond: its sockets are not read; 0 is off',
    { least: 0 },
  ),
  bytesBeforeInitialize: size(
    64 * kib,
    'bytes per second received from one socket before it is initialized; beyond: it is not read; 0 is off',
    { least: 0 },
  ),
  // One thread: who asks for one query after another never waits.
  queryTime: count(
    1000,
    'milliseconds per second that the queries of one uid, or of all anonymous tokens of an address, take in the threads of the store, on average over 4 s; beyond: they wait, then 429; 0 is off',
    { least: 0 },
  ),
  sends: count(50, 'messages per second of one connection to rooms; beyond: 429; 0 is off', {
    least: 0,
  }),
  roomBytes: size(
    16 * mib,
    'bytes per second that go out for the messages and states of one uid in rooms, to all who watch; beyond: 429; 0 is off',
    { least: 0 },
  ),
  login: count(10, 'password logins per minute of one address; 0 is off', { least: 0 }),
  loginAccount: count(
    30,
    'password logins per minute to one account from addresses without a recent login to it; 0 is off',
    { least: 0 },
  ),
  signup: count(60, 'signups and anonymous tokens per minute of one address; 0 is off', {
    least: 0,
  }),
} satisfies Record<string, LimitDeclaration>;

/** The current limits: numbers, bytes or milliseconds. */
export type Limits = { readonly [Name in keyof typeof limits]: number };

/** The current rates; 0: no limit. */
export type Rates = { readonly [Name in keyof typeof rates]: number };

/** The key of a setting, as metrics and errors name it. */
export type LimitKey = `limits.${keyof Limits}` | `rate.${keyof Rates}`;

export const defaultLimits = Object.fromEntries(
  Object.entries(limits).map(([name, { fallback }]) => [name, fallback]),
) as Limits;

export const defaultRates = Object.fromEntries(
  Object.entries(rates).map(([name, { fallback }]) => [name, fallback]),
) as Rates;

/** Size of a page of a read, as a multiple of `limits.outputBuffer`. */
export const pageShares = 3;

/**
 * Approximate bytes of a page of a read: it ends early beyond that, with at least one item (rule
 * LIM4).
 */
export function pageBytes({ outputBuffer }: Pick<Limits, 'outputBuffer'>): number {
  return pageShares * outputBuffer;
}

/**
 * Approximate bytes that one command reads beside its page: targets of references (rule LIM15), or
 * what changed since a position (rule LIM14).
 */
export function readBytes(limits: Pick<Limits, 'outputBuffer'>): number {
  return 16 * pageBytes(limits);
}
