import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { httpBase } from '../http/http-base.js';
import type { MetricsFormat, MetricsText, ServerGatewayOptions } from '../options.js';
import type { ClientAddresses } from './client-addresses.js';
import { healthRoutes, metricsRoute } from './health-routes.js';
import type { HostedRequest } from './hosts.js';
import { pathOf } from './socket-path.js';

export interface ServerRoutesOptions
  extends Pick<ServerGatewayOptions, 'config' | 'metrics' | 'log' | 'platform'> {
  readonly addresses: ClientAddresses;
  readonly draining: () => boolean;
  /** Resolves if what was asked for can serve. */
  readonly ready: (request: HostedRequest) => Promise<void>;
  /** The text of `/metrics`. */
  readonly scrape: (format: MetricsFormat) => Promise<MetricsText>;
}

const paths: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/** Routes of the server itself, on any host (rules HTTP1, HTTP2). */
export class ServerRoutes {
  readonly #options: ServerRoutesOptions;
  #http: FastifyInstance | undefined;

  constructor(options: ServerRoutesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { config, log, platform, addresses, ready, draining, scrape } = this.#options;
    const http = await httpBase({ cors: config.cors, log, platform });
    healthRoutes(http, { ready, draining, platform });
    metricsRoute(http, {
      text: scrape,
      platform,
      public: config.metrics === 'public',
      secret: config.secret,
      addresses,
    });
    await http.ready();
    this.#http = http;
  }

  /** True for a route of the server itself. */
  has({ url = '' }: IncomingMessage): boolean {
    return paths.has(pathOf(url));
  }

  get http(): FastifyInstance {
    if (!this.#http) throw new Error('the gateway is not open');
    return this.#http;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    this.http.routing(request, response);
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }
}
