import type { IncomingMessage, ServerResponse } from 'node:http';
import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import { WritesUnavailable } from '../../store/store-errors.js';
import { isOperator, restrictToOperators } from '../http/auth/operator.js';
import { httpBase } from '../http/http-base.js';
import { sendError, sendJson } from '../http/http-responses.js';
import type { MetricsFormat, MetricsText, ServerGatewayOptions } from '../options.js';
import type { ClientAddresses } from './client-addresses.js';
import type { HostedRequest } from './hosts.js';
import { pathOf } from './socket-path.js';

export interface ServerRoutesOptions
  extends Pick<ServerGatewayOptions, 'config' | 'log' | 'platform'> {
  readonly addresses: ClientAddresses;
  /** True while the server shuts down. */
  readonly draining: () => boolean;
  /** Resolves if store and bus of what was asked for are reachable. */
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

/** Milliseconds after which a store that does not answer counts as unavailable. */
const storeTimeout = 2000;

/** Rule HTTP1: liveness and readiness. */
function healthRoutes(app: FastifyInstance, options: ServerRoutesOptions): void {
  app.get('/health', (_request, reply) => sendJson(reply, 200, '{"status":"alive"}'));
  app.get('/ready', async (request, reply) => {
    const found = await readiness(options, request.raw);
    return sendJson(reply, found.status === 'ready' ? 200 : 503, JSON.stringify(found));
  });
}

interface Readiness {
  readonly status: 'ready' | 'draining' | 'away';
  /** A short text, if known. */
  readonly reason?: string | undefined;
}

/** If none of several apps can be served: the reason of the first. */
function reasonOf(error: unknown): string | undefined {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return first instanceof WritesUnavailable ? first.message : undefined;
}

async function readiness(options: ServerRoutesOptions, request: HostedRequest): Promise<Readiness> {
  if (options.draining()) return { status: 'draining' };
  const { timers } = options.platform;
  const late = new Promise<Readiness>((resolve) => {
    timers.after(storeTimeout, () => resolve({ status: 'away', reason: 'no answer' }));
  });
  const reached = options.ready(request).then(
    (): Readiness => ({ status: 'ready' }),
    (error: unknown): Readiness => ({ status: 'away', reason: reasonOf(error) }),
  );
  return await Promise.race([reached, late]);
}

/** Milliseconds that a public metrics text is cached: it is expensive to make. */
const freshness = 1000;

/** Rule LIM35: the text as served to the public. */
function cachedText({ scrape, platform }: ServerRoutesOptions): ServerRoutesOptions['scrape'] {
  const made = new Map<MetricsFormat, { at: number; text: Promise<MetricsText> }>();
  return (format) => {
    const now = platform.clock.monotonic();
    const known = made.get(format);
    if (known && now < known.at + freshness) return known.text;
    const text = scrape(format);
    made.set(format, { at: now, text });
    return text;
  };
}

/** Rule HTTP2: for this machine and for holders of the secret, unless it is public. */
function metricsRoute(app: FastifyInstance, options: ServerRoutesOptions): void {
  const { config, scrape } = options;
  const shared = cachedText(options);
  const isPublic = config.metrics === 'public';
  app.get('/metrics', async (request, reply) => {
    const operator = isOperator(request, options);
    if (operator || !isPublic) restrictToOperators(reply);
    if (!operator && !isPublic) return sendError(reply, fail('forbidden'));
    const format = formatOf(request.headers.accept);
    const { text, contentType } = await (operator ? scrape : shared)(format);
    reply.header('Content-Type', contentType).header('Vary', 'Accept');
    return reply.send(Buffer.from(text));
  });
}

/** OpenMetrics if the client accepts it with at least the quality of Prometheus' text format. */
function formatOf(accept = ''): MetricsFormat {
  const ranges = accept.split(',').map((range) => range.trim().toLowerCase());
  const quality = (type: string) =>
    Math.max(
      0,
      ...ranges
        .filter((range) => range.split(';')[0]?.trim() === type)
        .map((range) => Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1)),
    );
  const openMetrics = quality('application/openmetrics-text');
  return openMetrics > 0 && openMetrics >= quality('text/plain') ? 'openmetrics' : 'prometheus';
}
