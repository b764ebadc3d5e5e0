import { type LimitDeclaration, limits, rates } from '../../platform/limits.js';
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
  typesFile,
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

/** The settings of declared limits, below this prefix. */
function settingsOf<Prefix extends string, Name extends string>(
  prefix: Prefix,
  declared: Readonly<Record<Name, LimitDeclaration>>,
) {
  const entries = Object.entries<LimitDeclaration>(declared).map(([name, limit]) => {
    return [`${prefix}.${name}`, setting(typeOf(limit), limit.fallback, limit.doc)] as const;
  });
  return Object.fromEntries(entries) as Record<`${Prefix}.${Name}`, Setting<number>>;
}

function typeOf({ unit, least, most }: LimitDeclaration): ConfigType<number> {
  if (unit === 'count') return count(least, most);
  if (unit === 'duration') return duration;
  return least === 0 ? sizeOrOff : size;
}

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
  types: setting(
    typesFile,
    './really.d.ts',
    'file that `really dev` writes the TypeScript types of the models into; for several apps really-<clientid>.d.ts',
  ),
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
  idleTimeout: setting(
    duration,
    120_000,
    'time without a message after which a client is disconnected',
  ),
  initializeTimeout: setting(duration, 120_000, 'time that a client has to initialize'),
  resumeWindow: setting(duration, 120_000, 'how long a dropped connection can be resumed'),
  onceWindow: setting(duration, 3_600_000, 'how long a once-id is remembered'),
  ...settingsOf('rate', rates),
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
  'auth.life.oidc': setting(
    duration,
    604_800_000,
    'how long a token that was exchanged for an ID token is valid',
  ),
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
    'URL that receives these emails as POST requests, if the app sends them itself',
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
    'how long a connection is kept open between two HTTP requests; set it longer than the idle timeout of a proxy or load balancer in front',
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
  ...settingsOf('limits', limits),
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

/** `limits.connectionsPerAddress` is REALLY_LIMITS_CONNECTIONS_PER_ADDRESS. */
export function environmentName(key: string): string {
  const words = key.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('.', '_');
  return `REALLY_${words.toUpperCase()}`;
}

/** `port` is --port. */
export function flagName(key: string): string {
  return `--${key}`;
}
