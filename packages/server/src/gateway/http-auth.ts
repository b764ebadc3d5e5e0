import { fail, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Tokens } from '../auth/tokens.js';
import type { Platform } from '../platform/platform.js';
import type { ClientAddresses } from './client-address.js';
import { sendError, sendJson } from './http-answers.js';
import { parseMessage, type Shape } from './parse-message.js';
import type { RateLimit } from './rate-limit.js';

export interface AuthRoutesOptions {
  readonly tokens: Pick<Tokens, 'mint'>;
  readonly platform: Platform;
  readonly addresses: ClientAddresses;
  /** By address (rule LIM5). */
  readonly rate: RateLimit;
  readonly limited: () => void;
  /** What a body may look like. */
  readonly shape: Shape;
}

/** Bytes of a body: it becomes part of every token, and each push of its owner may carry some of it. */
const largestBody = 1024;

/** Milliseconds that an anonymous token is good for. */
const anonymousLife = 24 * 60 * 60 * 1000;

const paths = ['/auth/anonymous', '/auth/anonymous/login'];

/** Rule AUT1: tokens for whoever asks. */
export function anonymousRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const onRequest = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const retryAfter = options.rate.take(options.addresses.of(request.raw));
    if (retryAfter === 0) return done();
    options.limited();
    sendError(reply, fail('rate.limited', undefined, { meta: { retryAfter } }));
  };
  for (const path of paths.flatMap((one) => [one, `${one}/`])) {
    app.post<{ Body: unknown }>(
      path,
      { bodyLimit: largestBody, onRequest },
      async (request, reply) => {
        const data = readData(request.body, options.shape);
        const accessToken = await mintAnonymous(options, data);
        reply.header('Cache-Control', 'no-store');
        return sendJson(reply, 200, JSON.stringify({ authType: 'anonymous', accessToken }));
      },
    );
  }
}

/** The body as an object; none is fine. */
function readData(body: unknown, shape: Shape): JsonObject | undefined {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  const parsed = parseMessage(body, shape);
  if (parsed.kind === 'message') return parsed.message;
  if (parsed.kind === 'malformed') throw fail('json.malformed');
  throw fail.invalid(parsed.member, parsed.detail);
}

function mintAnonymous(options: AuthRoutesOptions, data: JsonObject | undefined): Promise<string> {
  const { tokens, platform } = options;
  const uid = Buffer.from(platform.random.bytes(16)).toString('hex');
  const expires = platform.clock.now() + anonymousLife;
  return tokens.mint({ uid, authType: 'anonymous', data, expires });
}
