import { createServer, METHODS } from 'node:http';
import type { Readable } from 'node:stream';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import type { Log } from '../../platform/log.js';
import type { Platform } from '../../platform/platform.js';
import type { ClientAddresses } from '../server/client-addresses.js';
import { sendContinue } from '../server/expect-continue.js';
import { maxHeadBytes } from '../server/http-server.js';
import { Origins } from '../server/origins.js';
import { pathOf } from '../server/socket-path.js';
import { Compressions } from './compressions.js';
import { watchMethods } from './http-methods.js';
import { recordOutput } from './http-output.js';
import { respondWithErrors } from './http-responses.js';
import { forceJsonContentType } from './request-body.js';

export interface HttpBaseOptions {
  /** Web origins that may call; `undefined`: any. */
  readonly cors?: readonly string[] | undefined;
  readonly log: Log;
  readonly platform: Platform;
  readonly addresses: Pick<ClientAddresses, 'of'>;
  /** Reads the body of a request; by default none is read. */
  readonly readBody?: (request: FastifyRequest, payload: Readable) => Promise<unknown>;
  /** Whether there is a file under a decoded path. */
  readonly isFile?: (path: string) => Promise<boolean>;
}

/** Response size in bytes from which it is compressed. */
const worthCompressing = 1024;

/** The base of all HTTP apps: fastify without routes. It never listens: `routing` gets requests. */
export async function httpBase({
  cors: origins,
  log,
  platform,
  addresses,
  readBody = async () => undefined,
  isFile,
}: HttpBaseOptions): Promise<FastifyInstance> {
  const app = fastify({
    // Its logger would write URLs, which may contain tokens.
    logger: false,
    routerOptions: { maxParamLength: maxHeadBytes },
    rewriteUrl: ({ url }) => readable(url ?? '/'),
    serverFactory: () => createServer(),
  });
  // An unsupported method is refused as such, not as an unknown path.
  for (const method of METHODS) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method);
  }
  // A body is JSON whatever its Content-Type, and is parsed by the routes.
  app.removeAllContentTypeParsers();
  const methodsOf = watchMethods(app, isFile);
  app.addHook('onRequest', async ({ raw, url }, reply) => {
    const methods = raw.method === 'OPTIONS' ? await methodsOf(pathOf(url)) : undefined;
    if (methods) reply.header('Allow', methods.join(', '));
    forceJsonContentType(raw);
    // Encoding names are case-insensitive (RFC 9110, section 8.4.1), but not for the plugin.
    const encoding = raw.headers['content-encoding'];
    if (encoding !== undefined) raw.headers['content-encoding'] = encoding.toLowerCase();
  });
  app.addHook('preParsing', async ({ headers, routeOptions }, reply) => {
    const isTooLarge = Number(headers['content-length']) > (routeOptions.bodyLimit ?? 0);
    if (!isTooLarge) sendContinue(reply.raw);
  });
  app.addContentTypeParser('*', readBody);
  // Measured before compression: the whole body is in memory until then.
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (Buffer.isBuffer(payload)) recordOutput(reply.raw, payload.length);
    done();
  });
  limitCompressions(app, addresses);
  await protect(app, origins);
  await app.register(compress, {
    threshold: worthCompressing,
    encodings: ['br', 'gzip'],
    // zstd needs Node.js 22.15: the accepted encodings should not depend on the version.
    requestEncodings: ['br', 'gzip', 'deflate', 'identity'],
  });
  respondWithErrors(app, { log, platform, methodsOf });
  return app;
}

/** Rule LIM47. */
function limitCompressions(app: FastifyInstance, addresses: HttpBaseOptions['addresses']): void {
  const compressions = new Compressions();
  app.addHook('onSend', ({ raw }, reply, payload, done) => {
    const known = lengthOf(payload);
    const length = known ?? Number(reply.getHeader('content-length') ?? Infinity);
    const takes =
      // The plugin compresses a stream however short it is.
      (known === undefined || known >= worthCompressing) &&
      /\b(?:br|gzip)\b|\*/i.test(raw.headers['accept-encoding'] ?? '');
    // What the plugin looks for.
    if (takes && !compressions.begin(addresses.of(raw), reply.raw, length)) {
      raw.headers['x-no-compression'] = 'busy';
    }
    done();
  });
}

/** Of a stream only its header may say it. */
function lengthOf(payload: unknown): number | undefined {
  if (payload === null || payload === undefined) return 0;
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length;
  return undefined;
}

/** A path with invalid percent-encoding is taken literally: it is never a valid R (rule ERR1). */
function readable(url: string): string {
  const path = pathOf(url);
  try {
    decodeURIComponent(path);
    return url;
  } catch {
    // A function, since `$&` in a replacement string has a meaning.
    return url.replace(path, () => path.replaceAll('%', '%25'));
  }
}

/** Request headers that are used here, and those that libraries add to avoid caches. */
const ownHeaders = [
  'Accept',
  'Authorization',
  'Cache-Control',
  'Content-Type',
  'If-Match',
  'Idempotency-Key',
  'If-None-Match',
  'Last-Event-ID',
  'Pragma',
  'X-Really-Secret',
  'X-Requested-With',
  'X-Trace-Id',
];

/** Headers that tracing libraries in a page add. A single one that is not allowed blocks the whole request. */
const headersOfTracing = [
  ...['traceparent', 'tracestate', 'baggage', 'sentry-trace'],
  ...['b3', 'X-B3-TraceId', 'X-B3-SpanId', 'X-B3-ParentSpanId', 'X-B3-Sampled', 'X-B3-Flags'],
  ...['x-datadog-trace-id', 'x-datadog-parent-id', 'x-datadog-origin'],
  ...['x-datadog-sampling-priority', 'x-datadog-tags'],
  ...['newrelic', 'elastic-apm-traceparent', 'uber-trace-id', 'X-Amzn-Trace-Id'],
  ...['X-Cloud-Trace-Context', 'Request-Id', 'Request-Context', 'Correlation-Context'],
  ...['X-Request-Id', 'X-Correlation-Id', 'X-Instana-T', 'X-Instana-S', 'X-Instana-L'],
];

/** Headers for browsers: which origins may call (rule HTTP3), and what pages served here may do. */
async function protect(
  app: FastifyInstance,
  origins: readonly string[] | undefined,
): Promise<void> {
  const { patterns } = new Origins(origins);
  await app.register(cors, {
    origin: patterns === undefined ? '*' : [...patterns],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: [...ownHeaders, ...headersOfTracing],
    exposedHeaders: ['ETag', 'Location', 'Retry-After'],
    maxAge: 86_400,
    // `OPTIONS` is answered for every client, not only for browsers.
    strictPreflight: false,
  });
  await app.register(helmet, {
    // The app decides what its own pages may load.
    contentSecurityPolicy: false,
    // Other origins may call, so they may read the responses.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    // HSTS is up to whatever terminates TLS.
    strictTransportSecurity: false,
  });
}
