import { createHash, timingSafeEqual } from 'node:crypto';
import { fail } from '@really/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Platform } from '../platform/platform.js';
import type { ClientAddresses } from './client-address.js';
import { sendError, sendJson } from './http-answers.js';

export interface HealthRoutesOptions {
  /** Resolves when store and bus are reachable. */
  readonly ready: () => Promise<void>;
  readonly draining: () => boolean;
  readonly platform: Platform;
}

/** Milliseconds after which a store that does not answer counts as away. */
const patience = 2000;

/** Rule HTTP1: alive, and able to serve. */
export function healthRoutes(app: FastifyInstance, options: HealthRoutesOptions): void {
  app.get('/health', (_request, reply) => sendJson(reply, 200, '{"status":"alive"}'));
  app.get('/ready', async (_request, reply) => {
    const status = await readiness(options);
    return sendJson(reply, status === 'ready' ? 200 : 503, JSON.stringify({ status }));
  });
}

async function readiness(options: HealthRoutesOptions): Promise<'ready' | 'draining' | 'away'> {
  if (options.draining()) return 'draining';
  const { timers } = options.platform;
  const late = new Promise<false>((resolve) => {
    timers.after(patience, () => resolve(false));
  });
  const reached = options.ready().then(
    () => true,
    () => false,
  );
  return (await Promise.race([reached, late])) ? 'ready' : 'away';
}

export interface MetricsRouteOptions {
  readonly text: () => Promise<string>;
  readonly contentType: string;
  readonly public: boolean;
  readonly secret: string;
  readonly addresses: ClientAddresses;
}

/** Rule HTTP2: for this machine and for holders of the secret, unless it is public. */
export function metricsRoute(app: FastifyInstance, options: MetricsRouteOptions): void {
  app.get('/metrics', async (request, reply) => {
    if (!mayScrape(request, options)) return sendError(reply, fail('forbidden'));
    reply.header('Content-Type', options.contentType);
    return reply.send(Buffer.from(await options.text()));
  });
}

function mayScrape(request: FastifyRequest, options: MetricsRouteOptions): boolean {
  if (options.public || options.addresses.isLocal(request.raw)) return true;
  const given = request.headers['x-really-secret'];
  return typeof given === 'string' && isSame(given, options.secret);
}

/** Takes the same time wherever the two differ, and however long they are. */
function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return secret !== '' && timingSafeEqual(digest(given), digest(secret));
}
