import { defaultObjectsLimits } from '../../objects/objects.js';
import { defaultLimits } from '../../platform/limits.js';
import {
  backend,
  boolean,
  type ConfigType,
  collection,
  count,
  domainName,
  duration,
  issuers,
  keySources,
  names,
  networks,
  oneOf,
  optional,
  origins,
  path,
  size,
  sizeOrOff,
  text,
  trustedUrls,
  url,
  webhookSecret,
} from './config-types.js';
import { endpoints } from './config-webhooks.js';

/** `dev` starts in development mode, everything else in production mode. */
export type Mode = 'development' | 'production';

/** A setting as used by parsing, help, `really config` and the documentation. */
export interface Setting<T> {
  readonly kind: ConfigType<T>;
  /** A function if it depends on the mode. */
  readonly fallback: T | ((mode: Mode) => T);
  /** Without a full stop: printed in help and tables. */
  readonly doc: string;
  /** The argument's name in help, if `start` and `dev` have a flag for it. */
  readonly flag?: string | undefined;
  /** Never printed, logged or repeated in a message. */
  readonly secret?: boolean | undefined;
  /** Never repeated in a message; its type's `show` masks the secrets in it. */
  readonly holdsSecrets?: boolean | undefined;
}

const setting = <T>(
  kind: ConfigType<T>,
  fallback: T | ((mode: Mode) => T),
  doc: string,
  more: { flag?: string; secret?: boolean; holdsSecrets?: boolean } = {},
): Setting<T> => ({ kind, fallback, doc, ...more });

const limits = defaultLimits;
const objectsLimits = defaultObjectsLimits;

/** Every setting of this version, by its key in `really.yaml`. */
export const settings = {
  port: setting(count(0, 65_535), 9000, 'port to listen on; 0 picks a free one', { flag: 'PORT' }),
  host: setting(
    text,
    (mode) => (mode === 'development' ? '127.0.0.1' : '0.0.0.0'),
    'address to listen on',
    { flag: 'ADDRESS' },
  ),
  domain: setting(
    optional(domainName),
    undefined,
    'for several apps: the domain below which each of `apps` is reached as <clientid>.<domain>',
  ),
  models: setting(path, './models', 'folder of the models', { flag: 'DIR' }),
  data: setting(path, './data', 'folder of the database and of the development secret', {
    flag: 'DIR',
  }),
  public: setting(
    optional(path),
    undefined,
    'folder of static files served at /; ./public if that exists',
  ),
  secret: setting(
    optional(text),
    undefined,
    'secret that tokens are signed with; 32 characters or more in production',
    { flag: 'SECRET', secret: true },
  ),
  store: setting(backend('postgres', 'sqlite', 'memory'), 'sqlite', 'where objects are stored', {
    flag: 'STORE',
  }),
  bus: setting(backend('nats', 'local'), 'local', 'how nodes send each other changes', {
    flag: 'BUS',
  }),
  idleTimeout: setting(duration, 120_000, 'silence after which a client is kicked'),
  initializeTimeout: setting(duration, 120_000, 'time that a client has to initialize'),
  resumeWindow: setting(duration, 120_000, 'how long a dropped connection can be resumed'),
  onceWindow: setting(duration, 3_600_000, 'how long a once-id is remembered'),
  'rate.commands': setting(count(0), 1000, 'commands per second of one uid; 0 is off'),
  'rate.address': setting(count(0), 10_000, 'commands per second of one address; 0 is off'),
  'rate.bytes': setting(
    sizeOrOff,
    8 * 1024 * 1024,
    'bytes per second received from one uid; beyond: its sockets are not read; 0 is off',
  ),
  'rate.addressBytes': setting(
    sizeOrOff,
    16 * 1024 * 1024,
    'bytes per second received from one address; beyond: its sockets are not read; 0 is off',
  ),
  'rate.bytesBeforeInitialize': setting(
    sizeOrOff,
    64 * 1024,
    'bytes per second received from one socket before it is initialized; beyond: it is not read; 0 is off',
  ),
  'rate.login': setting(count(0), 10, 'password logins per minute of one address; 0 is off'),
  'rate.loginAccount': setting(
    count(0),
    30,
    'password logins per minute to one account from addresses without a recent login to it; 0 is off',
  ),
  'rate.signup': setting(
    count(0),
    60,
    'signups and anonymous tokens per minute of one address; 0 is off',
  ),
  'auth.keys': setting(
    optional(keySources),
    undefined,
    'further keys that tokens may be signed with: public keys, or {secret: …} for earlier secrets',
    { secret: true },
  ),
  'auth.jwks': setting(trustedUrls, [], 'URLs of key sets (JWKS) that tokens may be signed with'),
  'auth.oidc': setting(issuers, [], 'issuers whose ID tokens are exchanged for tokens'),
  'auth.audience': setting(
    names,
    [],
    'names of the app; if any is given, the aud of every token has to be one of them',
  ),
  'auth.life.anonymous': setting(duration, 86_400_000, 'how long an anonymous token is valid'),
  'auth.life.password': setting(
    duration,
    604_800_000,
    'how long a token from a password login is valid',
  ),
  'auth.life.oidc': setting(duration, 604_800_000, 'how long a token for an ID token is valid'),
  'auth.users': setting(collection, '/users', "collection of the users' objects"),
  'auth.signup': setting(boolean, true, 'whether new users may sign up'),
  'auth.hashMemory': setting(
    size,
    19 * 1024 * 1024,
    'memory of one password hash (argon2id); hashes made with another value are renewed at login',
  ),
  'auth.hashPasses': setting(count(1, 100), 2, 'passes of one password hash (argon2id)'),
  'auth.mail.smtp': setting(
    optional(url('smtp', 'smtps')),
    undefined,
    'mail server that sends emails to account owners; with user and password in the URL if it needs them (smtp then requires STARTTLS)',
    { secret: true },
  ),
  'auth.mail.from': setting(optional(text), undefined, 'sender of these emails'),
  'auth.mail.templates': setting(
    optional(path),
    undefined,
    'folder of their templates; ./mail if that exists',
  ),
  'auth.mail.webhook': setting(
    optional(url('https', 'http')),
    undefined,
    'URL that these emails are posted to instead, for the app to send',
    { secret: true },
  ),
  'auth.mail.webhookSecret': setting(
    optional(webhookSecret),
    undefined,
    'secret that these posts are signed with (Standard Webhooks)',
    { secret: true },
  ),
  'tls.cert': setting(optional(path), undefined, 'certificate chain (PEM); read again on SIGHUP'),
  'tls.key': setting(optional(path), undefined, 'private key (PEM); read again on SIGHUP'),
  'http.keepAlive': setting(
    duration,
    75_000,
    'how long a connection is kept open between two HTTP requests; longer than the idle time of a proxy or load balancer in front',
  ),
  'websocket.deflate': setting(
    boolean,
    false,
    'whether messages of 1 to 256 KiB are compressed for clients that offer permessage-deflate',
  ),
  trustProxy: setting(networks, [], 'proxies whose X-Forwarded-For is trusted'),
  cors: setting(origins, undefined, 'web origins that may call; any by default'),
  publicData: setting(names, [], "members of a token's data that others see in opBy"),
  metrics: setting(
    oneOf('private', 'public'),
    'private',
    'who may read /metrics: loopback addresses and holders of the secret, or everybody',
  ),
  openapi: setting(
    oneOf('private', 'public'),
    (mode) => (mode === 'development' ? 'public' : 'private'),
    'who may read /openapi.json: loopback addresses and holders of the secret, or everybody (without hidden collections)',
  ),
  webhooks: setting(
    endpoints,
    [],
    'receivers of the events of post hooks, by name: url, secret, events',
    { holdsSecrets: true },
  ),
  'log.level': setting(
    oneOf('debug', 'info', 'warn', 'error', 'silent'),
    'info',
    'lowest level to log',
  ),
  'limits.message': setting(size, limits.message, 'bytes of one message; beyond: close 1009'),
  'limits.messageBeforeInitialize': setting(
    size,
    limits.messageBeforeInitialize,
    'bytes of one message before the socket is initialized; beyond: close 1009',
  ),
  'limits.inFlight': setting(
    count(1),
    limits.inFlight,
    'commands in flight per connection; beyond: the socket is not read',
  ),
  'limits.messagesPerTick': setting(
    count(1),
    limits.messagesPerTick,
    'with several apps, messages and requests of one app per tick; beyond: they wait until the other apps had their turn',
  ),
  'limits.bytesPerTick': setting(
    size,
    limits.bytesPerTick,
    'bytes of messages read from the sockets of an app in one tick of the event loop, besides a little from each; beyond: they take turns',
  ),
  'limits.input': setting(
    size,
    limits.input,
    'incomplete and waiting messages and bodies of all clients; beyond: the largest are dropped, with close 1013 or 503',
  ),
  'limits.subscriptions': setting(
    count(1),
    limits.subscriptions,
    'subscriptions per connection; beyond: 429',
  ),
  'limits.queries': setting(
    count(1),
    limits.queries,
    'live queries among the subscriptions of a connection; beyond: 429',
  ),
  'limits.queryRows': setting(
    count(1),
    limits.queryRows,
    'objects in the windows of all live queries, per node; beyond: 429, and windows that grow end with failed',
  ),
  'limits.subscriptionsPerUid': setting(
    count(1),
    limits.subscriptionsPerUid,
    'subscriptions of all connections of a uid; beyond: 429',
  ),
  'limits.subscriptionsPerNode': setting(
    count(1),
    limits.subscriptionsPerNode,
    'subscriptions per node; beyond: 429',
  ),
  'limits.windowWork': setting(
    count(1),
    limits.windowWork,
    'comparisons that a live query may cost per change, four times as many if its filter cannot be indexed; beyond: 409',
  ),
  'limits.windowWorkPerUid': setting(
    count(1),
    limits.windowWorkPerUid,
    'the same for all live queries of a uid; beyond: 429',
  ),
  'limits.windowWorkPerNode': setting(
    count(1),
    limits.windowWorkPerNode,
    'the same for all windows, per node; beyond: 429, or the uid with most of it loses its live queries',
  ),
  'limits.windowBytesPerUid': setting(
    size,
    limits.windowBytesPerUid,
    'memory of the filters of all live queries of a uid; beyond: 429',
  ),
  'limits.windowBytesPerNode': setting(
    size,
    limits.windowBytesPerNode,
    'memory of the filters of all windows, per node; beyond: 429, or the uid with most of it loses its live queries',
  ),
  'limits.output': setting(
    size,
    limits.output,
    'waiting output per connection; beyond: updates are conflated and commands wait; beyond 8 times that: close 1013',
  ),
  'limits.outputTotal': setting(
    size,
    limits.outputTotal,
    'waiting output of all clients of the node together; beyond: the clients with most of it are closed with 1013',
  ),
  'limits.outputTime': setting(
    duration,
    limits.outputTime,
    'time in which an HTTP client has to read 64KiB of its waiting output, or all of it; beyond: it is cut off',
  ),
  'limits.connections': setting(
    count(1),
    limits.connections,
    'connections per node; beyond: 503 at the upgrade',
  ),
  'limits.connectionsPerAddress': setting(
    count(1),
    limits.connectionsPerAddress,
    'connections per address; beyond: 503 at the upgrade, and plain HTTP connections are cut off',
  ),
  'limits.resumableSessions': setting(
    count(0),
    limits.resumableSessions,
    'dropped sessions that can be resumed, per node; beyond: the oldest of the uid with most of them cannot',
  ),
  'limits.resumableBytes': setting(
    size,
    limits.resumableBytes,
    'bytes of these sessions, per node; beyond: the oldest of the uid with most of them cannot',
  ),
  'limits.resumePushes': setting(
    count(1),
    limits.resumePushes,
    'last pushes of a connection that are kept for resuming; beyond: a snapshot',
  ),
  'limits.resumeBytes': setting(
    size,
    limits.resumeBytes,
    'bytes of these pushes; beyond: a snapshot',
  ),
  'limits.concurrentHashes': setting(
    count(1, 64),
    2,
    'concurrent password hashes; beyond: they wait, 5 s at most, then 503',
  ),
  'limits.queuedHashes': setting(count(0), 256, 'waiting password hashes; beyond: 503'),
  'limits.pendingJobs': setting(count(1), 10_000, 'waiting emails to account owners; beyond: 503'),
  'limits.queryTime': setting(duration, limits.queryTime, 'time of one query; beyond: 503'),
  'limits.queriesAtOnce': setting(
    count(1),
    limits.queriesAtOnce,
    'concurrent queries per uid, or of all anonymous tokens of an address; beyond: they wait, then 429',
  ),
  'limits.filter': setting(count(1), limits.filter, 'characters of a filter; beyond: 409'),
  'limits.filterOperands': setting(
    size,
    limits.filterOperands,
    'values that a filter compares with, each use counted; beyond: 409',
  ),
  'limits.filterDepth': setting(
    count(1, 1000),
    limits.filterDepth,
    'levels of a filter; beyond: 409',
  ),
  'limits.history': setting(
    count(1),
    limits.history,
    'revisions kept per object; beyond: a snapshot',
  ),
  'limits.once': setting(count(1), 1000, 'once-ids remembered per uid; beyond: the oldest goes'),
  'limits.depth': setting(count(1, 1000), limits.depth, 'levels of JSON; beyond: 400'),
  'limits.object': setting(size, limits.object, 'JSON of one object; beyond: 409'),
  'limits.list': setting(count(1), limits.list, 'elements of a list; beyond: 409'),
  'limits.updateWork': setting(
    size,
    limits.updateWork,
    'JSON that one update compares in lists; beyond: 409',
  ),
  'limits.keyLength': setting(
    count(1),
    limits.keyLength,
    "characters of a member's name and of a key; beyond: 409 or 400",
  ),
  'limits.pathDepth': setting(
    count(1, 1000),
    limits.pathDepth,
    'steps of a key; beyond: 409 or 400',
  ),
  'limits.hookTime': setting(
    duration,
    limits.hookTime,
    'time of one hook or rule; beyond: 500, and 429 for a while after many',
  ),
  'limits.hookMemory': setting(size, limits.hookMemory, 'memory of one hook or rule; beyond: 500'),
  'limits.hooksWaiting': setting(
    size,
    limits.hooksWaiting,
    'waiting and running calls of hooks and rules, with their arguments; beyond: 429 for the owners with most of them',
  ),
  'limits.hookChain': setting(
    count(1, 1000),
    limits.hookChain,
    'post hooks in a chain, each started by a write of the one before; beyond: a dead letter',
  ),
  'limits.hookAttempts': setting(
    count(1, 100),
    5,
    'attempts to run a post hook; beyond: a dead letter',
  ),
  'limits.outbox': setting(
    count(1),
    1_000_000,
    'waiting runs of post hooks; beyond: 503 for writes that would add one',
  ),
  'limits.webhookEvents': setting(
    count(1),
    100_000,
    'waiting events of one webhook; beyond: new ones are left out, counted and logged',
  ),
  'limits.webhookAttempts': setting(
    count(1, 1000),
    15,
    'attempts to deliver an event to a webhook; beyond: a dead letter',
  ),
  'limits.webhookAge': setting(
    duration,
    3 * 86_400_000,
    'how long a delivery is tried; beyond: a dead letter',
  ),
  'limits.webhookTime': setting(duration, 10_000, 'time of one attempt; beyond: it fails'),
  'limits.webhooksAtOnce': setting(count(1, 1000), 4, 'concurrent attempts to one webhook'),
  'limits.deadLetters': setting(
    count(0),
    1000,
    'dead letters kept; beyond: the oldest are deleted',
  ),
  'limits.deadLetterAge': setting(
    duration,
    30 * 86_400_000,
    'how long a dead letter is kept; beyond: it is deleted',
  ),
  'limits.cachedObjects': setting(
    count(1),
    objectsLimits.cachedObjects,
    'objects in the cache; beyond: the least recently used are dropped',
  ),
  'limits.cacheBytes': setting(
    size,
    objectsLimits.cacheBytes,
    'approximate memory of these objects; beyond: the same',
  ),
  'limits.commitWrites': setting(
    count(1),
    objectsLimits.commitWrites,
    'writes that share one commit; beyond: they wait for the next (a larger batch has a commit of its own)',
  ),
  'limits.commitBytes': setting(
    size,
    objectsLimits.commitBytes,
    'approximate size of these writes; beyond: the same',
  ),
} satisfies Record<string, Setting<unknown>>;

export type Key = keyof typeof settings;

/** A value for every key. */
export type Values = {
  readonly [K in Key]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};

export const keys = Object.keys(settings) as readonly Key[];

/** Settings of the server that cannot be set for one app. */
export const serverKeys: ReadonlySet<Key> = new Set<Key>([
  'port',
  'host',
  'domain',
  'bus',
  'tls.cert',
  'tls.key',
  'http.keepAlive',
  'trustProxy',
  'metrics',
  'log.level',
]);

/** Keys of the contract that only a later version supports: refused, whatever their value. */
export const laterKeys: readonly string[] = [];

/** `limits.connectionsPerAddress` is REALLY_LIMITS_CONNECTIONS_PER_ADDRESS. */
export function environmentName(key: string): string {
  const words = key.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('.', '_');
  return `REALLY_${words.toUpperCase()}`;
}

/** `port` is --port. */
export function flagName(key: string): string {
  return `--${key}`;
}
