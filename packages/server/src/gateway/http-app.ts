import { METHODS, maxHeaderSize, type RequestListener } from 'node:http';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import files from '@fastify/static';
import { type FastifyInstance, fastify } from 'fastify';
import type { ModelSet } from '../model/model.js';
import type { ClientAddresses } from './client-address.js';
import { type AccountRoutesOptions, accountRoutes } from './http-accounts.js';
import { answerErrors } from './http-answers.js';
import { type AuthRoutesOptions, authRoutes } from './http-auth.js';
import { type HealthRoutesOptions, healthRoutes, metricsRoute } from './http-health.js';
import { openApiRoute } from './http-openapi.js';
import { createHttpServer, type HttpServer } from './http-server.js';
import type { GatewayConfig, GatewayOptions } from './options.js';
import { type RestRoutesOptions, restRoutes } from './rest-routes.js';
import { pathOf } from './socket-path.js';

export interface HttpAppOptions {
  readonly gateway: Pick<GatewayOptions, 'config' | 'metrics' | 'log' | 'platform'>;
  readonly addresses: ClientAddresses;
  readonly auth: AuthRoutesOptions;
  /** Missing where the app has no accounts. */
  readonly accounts?: AccountRoutesOptions | undefined;
  readonly health: HealthRoutesOptions;
  readonly rest: RestRoutesOptions;
  readonly models: () => ModelSet;
  /** The text of `/metrics`. */
  readonly scrape: () => Promise<string>;
}

/** Bytes of an answer from which on it is compressed. */
const worthCompressing = 1024;

/** The HTTP side: fastify over a server of our own, which looks at requests for the socket's path first. */
export async function buildHttpApp(
  options: HttpAppOptions,
): Promise<{ app: FastifyInstance; server: HttpServer }> {
  const { gateway, addresses } = options;
  const { config, metrics } = gateway;
  const app = fastify({
    // Its logger would write URLs, and with them tokens.
    logger: false,
    routerOptions: { maxParamLength: maxHeaderSize },
    rewriteUrl: ({ url }) => readable(url ?? '/'),
    serverFactory: (handler: RequestListener) => createHttpServer(config, handler),
    clientErrorHandler: (_error, socket) => {
      // `createHttpServer` answers what is no HTTP.
      socket.destroySoon();
    },
  });
  // A method that is not served is told so, in place of a path that it would be looked for under.
  for (const method of METHODS) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  // A body is JSON whatever its Content-Type says, and the routes read it themselves.
  app.removeAllContentTypeParsers();
  app.addHook('onRequest', async ({ raw }) => {
    raw.headers['content-type'] = 'application/json';
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  await protect(app, config);
  await app.register(compress, { threshold: worthCompressing, encodings: ['br', 'gzip'] });
  answerErrors(app, gateway.log, gateway.platform);
  healthRoutes(app, options.health);
  metricsRoute(app, {
    text: options.scrape,
    contentType: metrics.contentType ?? 'text/plain; version=0.0.4',
    public: config.metrics === 'public',
    secret: config.secret,
    addresses,
  });
  authRoutes(app, options.auth);
  if (options.accounts) accountRoutes(app, options.accounts);
  restRoutes(app, options.rest);
  openApiRoute(app, {
    models: options.models,
    public: config.openapi === 'public',
    secret: config.secret,
    addresses,
  });
  if (config.publicDir !== undefined) await app.register(files, { root: config.publicDir });
  await app.ready();
  return { app, server: app.server as HttpServer };
}

/** A path that is not percent-encoded as it should be stands for itself: no R looks like it (rule ERR1). */
function readable(url: string): string {
  const path = pathOf(url);
  try {
    decodeURIComponent(path);
    return url;
  } catch {
    return url.replace(path, path.replaceAll('%', '%25'));
  }
}

/** Headers for browsers: who may call (rule HTTP3), and what pages that are served here may not do. */
async function protect(app: FastifyInstance, config: GatewayConfig): Promise<void> {
  await app.register(cors, {
    origin: config.cors === undefined ? '*' : [...config.cors],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Accept',
      'Authorization',
      'Content-Type',
      'If-Match',
      'Idempotency-Key',
      'If-None-Match',
      'Last-Event-ID',
      'X-Really-Secret',
      'X-Trace-Id',
      'traceparent',
    ],
    exposedHeaders: ['ETag', 'Location', 'Retry-After'],
    maxAge: 86_400,
    // `OPTIONS` is answered to whoever asks, and not to browsers alone.
    strictPreflight: false,
  });
  await app.register(helmet, {
    // What a page of the app may load is the app's own affair.
    contentSecurityPolicy: false,
    // Other origins may call, so they may read the answers.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    // Whoever ends TLS decides whether to insist on it.
    strictTransportSecurity: false,
  });
}
