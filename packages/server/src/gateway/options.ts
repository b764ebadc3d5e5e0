import type { Accounts } from '../accounts/accounts.js';
import type { PrivilegedWrites } from '../accounts/privileged-writes.js';
import type { Audit } from '../auth/audit.js';
import type { Issuer } from '../auth/oidc/issuer.js';
import type { Revocations } from '../auth/revocations.js';
import type { TokenLifetimes } from '../auth/token-lifetimes.js';
import type { Tokens } from '../auth/tokens.js';
import type { Services } from '../commands/services.js';
import type { Budgets } from '../platform/budget.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { Tracing } from '../platform/tracing.js';
import type { DeadLetters } from '../posthooks/dead-letters.js';
import type { MigrationRouteOptions } from './http/migration-route.js';
import type { DocsPage } from './http/pages/dev-page.js';
/** What the gateway has to know of the configuration of the server. */
export interface ServerConfig {
  /** In the hosted form the domain below which each app has its name; without it there is one app, under any name. */
  readonly domain?: string | undefined;
  /** Who sends it in `X-Really-Secret` may read `/metrics`; where it is missing nobody may by a secret. */
  readonly secret?: string | undefined;
  readonly metrics: 'private' | 'public';
  /** Addresses and networks whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** Web origins that may call what is the server's; `undefined`: any. */
  readonly cors?: readonly string[] | undefined;
  /** Milliseconds for which a connection is kept open between two requests. */
  readonly keepAlive: number;
  /** Connections of all apps together. */
  readonly connections: number;
  /** Bytes of output that may wait for all clients together. */
  readonly outputTotal: number;
  /** Milliseconds in which an HTTP client has to take some of what waits for it. */
  readonly outputTime: number;
  /** Serve HTTPS and WSS; without it a proxy ends TLS. */
  readonly tls?: TlsFiles | undefined;
}

/** What the gateway has to know of the configuration of one app. */
export interface GatewayConfig {
  /** What the app's own servers show in `X-Really-Secret`. */
  readonly secret: string;
  /** Milliseconds of silence after which a client is kicked. */
  readonly idleTimeout: number;
  /** Milliseconds for which a connection that dropped can be resumed; 0: it can not. */
  readonly resumeWindow: number;
  /** Milliseconds that a client has to initialize. */
  readonly initializeTimeout: number;
  /** Addresses and networks whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  /** Web origins that may call; `undefined`: any. */
  readonly cors?: readonly string[] | undefined;
  /** Whether WebSocket messages are compressed for clients that offer it. */
  readonly deflate: boolean;
  /** Who may read `/openapi.json`. */
  readonly openapi: 'private' | 'public';
  /** A folder whose files are served at `/`. */
  readonly publicDir?: string | undefined;
  /** In development, where nothing else is served at `/`: pages of the documentation for the page there. */
  readonly devPage?: { readonly docs: readonly DocsPage[] } | undefined;
  /** Milliseconds that tokens are good for. */
  readonly tokenLifetimes: TokenLifetimes;
  readonly rates: Rates;
  readonly limits: Limits;
}

/** 0 is off. */
export interface Rates {
  /** Commands per second of one uid. */
  readonly commands: number;
  /** Commands per second of one address. */
  readonly address: number;
  /** Bytes per second of one uid, of one address, and of one socket before it is initialized. */
  readonly bytes: number;
  readonly addressBytes: number;
  readonly bytesBeforeInitialize: number;
  /** Signups and anonymous tokens per minute of one address. */
  readonly signup: number;
  /** Password logins per minute of one address. */
  readonly login: number;
  /** The same of one account, from addresses that nobody logged in to it from lately. */
  readonly loginAccount: number;
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

/** Metrics, and where there is a `/metrics` to serve, their text. */
export interface ScrapedMetrics extends Metrics {
  text?(format: MetricsFormat): Promise<MetricsText>;
}

/** One app, as the gateway serves it. */
export interface GatewayOptions {
  /** What it is called before the domain; missing where it is the only one. */
  readonly clientid?: string | undefined;
  readonly services: Services;
  readonly tokens: Tokens;
  /** Without them nobody signs up or logs in. */
  readonly accounts?: Accounts | undefined;
  /** Migrates every object of the app. */
  readonly migrate?: MigrationRouteOptions['migrate'] | undefined;
  /** Without them there are none to look at. */
  readonly deadLetters?: DeadLetters | undefined;
  readonly revocations: Revocations;
  readonly audit: Audit;
  readonly privilegedWrites: PrivilegedWrites;
  readonly issuers: readonly Issuer[];
  readonly config: GatewayConfig;
  readonly metrics: Metrics;
  /** The app's own bounds. */
  readonly budgets: Budgets;
  readonly log: Log;
  readonly platform: Platform;
  /** `undefined`: nobody traces. */
  readonly tracing?: Tracing | undefined;
  /** Resolves when store and bus are reachable: what `/ready` asks. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Called by `close` once no command is in flight: resolves when what was committed is pushed. */
  readonly settle?: (() => Promise<void>) | undefined;
}

/** The server, and the apps that it serves. */
export interface ServerGatewayOptions {
  readonly config: ServerConfig;
  readonly apps: readonly GatewayOptions[];
  readonly metrics: ScrapedMetrics;
  /** The bounds that all apps share. */
  readonly budgets: Budgets;
  readonly log: Log;
  readonly platform: Platform;
}

export interface Gateway {
  /** Port 0 picks a free one. Rejects where the port cannot be had. */
  listen(port: number, host: string): Promise<{ url: string; port: number }>;
  /** Takes the renewed certificate for new connections. */
  renewTls(tls: TlsFiles): void;
  /** Rule SES12: takes no new connections, finishes the commands in flight, sends what waits, closes with 1001. Ends what is not done after 7 s. */
  close(): Promise<void>;
}
