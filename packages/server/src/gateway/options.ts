import type { Accounts } from '../accounts/accounts.js';
import type { Audit } from '../auth/audit.js';
import type { Revocations } from '../auth/revocations.js';
import type { Tokens } from '../auth/tokens.js';
import type { Services } from '../commands/services.js';
import type { ModelSet } from '../model/model.js';
import type { Limits } from '../platform/limits.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Platform } from '../platform/platform.js';
import type { AppAuthority } from './http-auth-app.js';

/** What the gateway has to know of the configuration. */
export interface GatewayConfig {
  /** The app's secret: who sends it in `X-Really-Secret` may read `/metrics`. */
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
  readonly metrics: 'private' | 'public';
  /** Who may read `/openapi.json`. */
  readonly openapi: 'private' | 'public';
  /** A folder whose files are served at `/`. */
  readonly publicDir?: string | undefined;
  readonly rates: Rates;
  readonly limits: Limits;
  /** Serve HTTPS and WSS; without it a proxy ends TLS. */
  readonly tls?: TlsFiles | undefined;
}

/** 0 is off. */
export interface Rates {
  /** Commands per second of one uid. */
  readonly commands: number;
  /** Commands per second of one address. */
  readonly address: number;
  /** Signups and anonymous tokens per minute of one address. */
  readonly signup: number;
  /** Password logins per minute of one address. */
  readonly login: number;
}

/** PEM texts. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Metrics, and where there is a `/metrics` to serve, their text. */
export interface ScrapedMetrics extends Metrics {
  text?(): Promise<string>;
  readonly contentType?: string;
}

export interface GatewayOptions {
  readonly services: Services;
  /** What `/openapi.json` tells of; those of the services where nothing is said. */
  readonly models?: (() => ModelSet) | undefined;
  readonly tokens: Tokens;
  /** Without them nobody signs up or logs in. */
  readonly accounts?: Accounts | undefined;
  readonly revocations: Revocations;
  readonly audit: Audit;
  readonly authority: AppAuthority;
  readonly config: GatewayConfig;
  readonly metrics: ScrapedMetrics;
  readonly log: Log;
  readonly platform: Platform;
  /** Resolves when store and bus are reachable: what `/ready` asks. */
  readonly ready?: (() => Promise<void>) | undefined;
  /** Called by `close` once no command is in flight: resolves when what was committed is pushed. */
  readonly settle?: (() => Promise<void>) | undefined;
}

export interface Gateway {
  /** Port 0 picks a free one. Rejects where the port cannot be had. */
  listen(port: number, host: string): Promise<{ url: string; port: number }>;
  /** Takes the renewed certificate for new connections. */
  renewTls(tls: TlsFiles): void;
  /** Rule SES12: takes no new connections, finishes the commands in flight, sends what waits, closes with 1001. Ends what is not done after 8 s. */
  close(): Promise<void>;
}
