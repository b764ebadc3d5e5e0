import { fail, ProtocolError } from '@really/protocol';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { toProtocolError } from '../../objects/to-protocol-error.js';
import type { Log } from '../../platform/log.js';
import type { Platform } from '../../platform/platform.js';
import { drainBody } from '../server/drain-body.js';
import { isAwaitingContinue } from '../server/expect-continue.js';
import { type HttpRefusal, RefusedRequest, refusalBody, refusals } from '../server/http-refusal.js';
import { pathOf } from '../server/socket-path.js';
import { errorText } from '../websocket/response.js';
import type { MethodsOf } from './http-methods.js';

/** Sends JSON. As bytes, since fastify would change the Content-Type of a string. */
export function sendJson(reply: FastifyReply, code: number, text: string): FastifyReply {
  return reply.code(code).header('Content-Type', 'application/json').send(Buffer.from(text));
}

/** Sends an error as in section ERR, with `r` if known; its code is the status. */
export function sendError(reply: FastifyReply, error: ProtocolError, r?: string): FastifyReply {
  if (error.meta) reply.header('Retry-After', String(error.meta.retryAfter));
  // RFC 9110, section 15.5.2.
  if (error.code === 401) reply.header('WWW-Authenticate', 'Bearer');
  return sendJson(reply, statusOf(error.code), errorText(error, { r }));
}

export interface ErrorResponsesOptions {
  readonly log: Log;
  readonly platform: Platform;
  readonly methodsOf: MethodsOf;
}

/** Replaces fastify's own error responses by ours. */
export function respondWithErrors(
  app: FastifyInstance,
  { log, platform, methodsOf }: ErrorResponsesOptions,
): void {
  app.setNotFoundHandler(async (request, reply) => {
    const methods = await methodsOf(pathOf(request.url));
    if (methods === undefined) return sendRefusal(reply, refusals.notFound);
    reply.header('Allow', methods.join(', '));
    return sendError(reply, fail('command.unknown'));
  });
  app.setErrorHandler<FastifyError | ProtocolError>(async (error, request, reply) => {
    // The route instead of the URL: a query may contain a token.
    const fields = { method: request.method, route: request.routeOptions.url };
    if (error instanceof RefusedRequest) return sendRefusal(reply, error.refusal);
    const known = fromHttp(error);
    const isArriving = known?.code === 413 && !isAwaitingContinue(reply.raw);
    if (isArriving && (await drainBody(request.raw, platform))) reply.removeHeader('Connection');
    return sendError(reply, known ?? toProtocolError(error, { log, platform }, fields));
  });
}

/** Sends a refusal that is not in the format of section ERR alone. */
export function sendRefusal(reply: FastifyReply, refusal: HttpRefusal): FastifyReply {
  return sendJson(reply, refusal.code, refusalBody(refusal));
}

/** Converts fastify's errors. */
function fromHttp(error: FastifyError | ProtocolError): ProtocolError | undefined {
  if (error instanceof ProtocolError || error.statusCode === undefined) return undefined;
  if (error.statusCode === 413) return fail('message.too.large');
  if (error.code === 'FST_CP_ERR_INVALID_CONTENT_ENCODING') {
    return fail.invalid('Content-Encoding', 'expected.gzip.or.br.or.deflate');
  }
  if (error.code === 'FST_CP_ERR_INVALID_CONTENT') {
    return fail.invalid('Content-Encoding', 'expected.as.the.body');
  }
  return error.statusCode < 500 ? fail('request.invalid') : undefined;
}

/** An error's code is the status, unless a hook has made it up. */
function statusOf(code: number): number {
  return Number.isInteger(code) && code >= 400 && code <= 599 ? code : 409;
}
