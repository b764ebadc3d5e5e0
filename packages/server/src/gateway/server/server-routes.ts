import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { httpBase } from '../http/http-base.js';
import { healthRoutes, metricsRoute, type ServerRoutesOptions } from './health-routes.js';
import { pathOf } from './socket-path.js';

const paths: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/** Routes of the server itself, on any host (rules HTTP1, HTTP2). */
export class ServerRoutes {
  readonly #options: ServerRoutesOptions;
  #http: FastifyInstance | undefined;

  constructor(options: ServerRoutesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { config, log, platform, addresses } = this.#options;
    const http = await httpBase({ cors: config.cors, log, platform, addresses });
    healthRoutes(http, this.#options);
    metricsRoute(http, this.#options);
    await http.ready();
    this.#http = http;
  }

  /** True for a route of the server itself. */
  has({ url = '' }: IncomingMessage): boolean {
    return paths.has(pathOf(url));
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    if (!this.#http) throw new Error('the gateway is not open');
    this.#http.routing(request, response);
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }
}
