import type { Accounts } from '../accounts/accounts.js';
import type { PrivilegedWrites } from '../accounts/privileged-writes.js';
import type { Audit } from '../auth/audit.js';
import type { Issuer } from '../auth/oidc/issuer.js';
import type { Revocations } from '../auth/revocations.js';
import type { TokenLifetimes } from '../auth/token-lifetimes.js';
import type { Tokens } from '../auth/tokens.js';
import type { DeadLetters } from '../jobs/dead-letters.js';
import type { Live } from '../live/live.js';
import type { MigrationEvent } from '../migration/migrate-all.js';
import type { ModelSet } from '../model/model.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits, Rates } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { Tracing } from '../platform/tracing.js';
import type { Rooms } from '../presence/rooms.js';
import type { CommandSet } from './dispatch/command-set.js';
import type { DocsPage } from './http/pages/dev-page.js';
/** The server's configuration, as far as the gateway needs it. */
export interface ServerConfig {
  /** The domain that hosted apps are subdomains of; `undefined`: a single app, under any host. */
  readonly domain?: string | undefined;
  /** Value of `X-Really-Secret` that gives access to `/metrics`; `undefined`: none does. */
  readonly secret?: string | undefined;
  readonly metrics: 'private' | 'public';
  /** Addresses and networks whose `X-Forwarded-For` is trusted. */
  readonly trustProxy: readonly string[];
  /** Web origins that may call the server's own routes; `undefined`: any. */
  readonly cors?: readonly string[] | undefined;
  /** Milliseconds that a connection is kept open between two requests. */
  readonly keepAlive: number;
  /** Limit of connections, over all apps. */
  readonly connections: number;
  /** Limit of output bytes waiting, over all clients. */
  readonly outputTotal: number;
  /** Milliseconds within which an HTTP client has to read some of the output waiting for it. */
  readonly outputTime: number;
  /** Serve HTTPS and WSS; `undefined`: TLS ends at a proxy. */
  readonly tls?: TlsFiles | undefined;
}

/** The configuration of one app, as far as the gateway needs it. */
export interface GatewayConfig {
  /** Value of `X-Really-Secret` that the app's own servers send. */
  readonly secret: string;
  /** Milliseconds without a message after which a client is closed. */
  readonly idleTimeout: number;
  /** Milliseconds that a dropped connection can be resumed; 0: it cannot. */
  readonly resumeWindow: number;
  /** Milliseconds that a client has to send `initialize`. */
  readonly initializeTimeout: number;
  /** Addresses and networks whose `X-Forwarded-For` is trusted. */
  readonly trustProxy: readonly string[];
  /** Web origins that may call; `undefined`: any. */
  readonly cors?: readonly string[] | undefined;
  /** Compress WebSocket messages for clients that offer it. */
  readonly deflate: boolean;
  /** Who may read `/openapi.json`. */
  readonly openapi: 'private' | 'public';
  /** A folder whose files are served at `/`. */
  readonly publicDir?: string | undefined;
  /** In development, the docs that the page at `/` shows, if nothing else is served there. */
  readonly devPage?: { readonly docs: readonly DocsPage[] } | undefined;
  /** Lifetimes of tokens in milliseconds. */
  readonly tokenLifetimes: TokenLifetimes;
  readonly rates: Rates;
  readonly limits: Limits;
}

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export type MetricsFormat = 'openmetrics' | 'prometheus';

export interface MetricsText {
  readonly text: string;
  readonly contentType: string;
}

/** Metrics, with their text if there is a `/metrics` to serve. */
export interface ScrapedMetrics extends Metrics {
  text?(format: MetricsFormat): Promise<MetricsText>;
}

/** The live layer, as the gateway uses it. */
export type GatewayLive = Pick<
  Live,
  | 'epoch'
  | 'rightsTime'
  | 'inSlices'
  | 'viewOf'
  | 'sharedViewOf'
  | 'positionOf'
  | 'onDrain'
  | 'drop'
  | 'park'
  | 'releaseParked'
  | 'resume'
  | 'authChanged'
  | 'subscribedRs'
>;

/** The part of the rooms that connections use. */
export type GatewayRooms = Pick<
  Rooms,
  'drop' | 'park' | 'release' | 'resume' | 'authChanged' | 'sendList'
>;

/** One app to serve. */
export interface GatewayOptions {
  /** The subdomain; `undefined` for a single app. */
  readonly clientid?: string | undefined;
  readonly commands: CommandSet;
  readonly live: GatewayLive;
  readonly rooms: GatewayRooms;
  readonly models: () => ModelSet;
  readonly tokens: Pick<Tokens, 'verify' | 'mint'>;
  /** `undefined`: no signup or login. */
  readonly accounts?: Accounts | undefined;
  readonly migrate?: ((report: (event: MigrationEvent) => void) => Promise<void>) | undefined;
  /** `undefined`: no dead letters. */
  readonly deadLetters?: DeadLetters | undefined;
  readonly revocations: Revocations;
  readonly audit: Audit;
  readonly privilegedWrites: PrivilegedWrites;
  readonly issuers: readonly Issuer[];
  readonly config: GatewayConfig;
  readonly metrics: Metrics;
  readonly budgets: Budgets;
  readonly log: Log;
  readonly platform: Platform;
  /** `undefined`: tracing is off. */
  readonly tracing?: Tracing | undefined;
  /** Resolves when store and bus are reachable; asked by `/ready`. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Called by `close` once no command is in flight; resolves when all commits are pushed. */
  readonly settle?: (() => Promise<void>) | undefined;
}

export interface ServerGatewayOptions {
  readonly config: ServerConfig;
  readonly apps: readonly GatewayOptions[];
  readonly metrics: ScrapedMetrics;
  /** The memory budgets that all apps share. */
  readonly budgets: Budgets;
  readonly log: Log;
  readonly platform: Platform;
}

export interface Gateway {
  /** Port 0 picks a free one. Rejects if the port is not available. */
  listen(port: number, host: string): Promise<{ url: string; port: number }>;
  /** Uses the renewed certificate for new connections. */
  renewTls(tls: TlsFiles): void;
  /**
   * Rule SES12: refuses new connections, finishes commands in flight, sends what is queued, closes
   * with 1001. Cuts off the rest after 7 s.
   */
  close(): Promise<void>;
}
