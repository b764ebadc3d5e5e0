import { fail, type JsonObject, type ParsedR, parseR } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Listener } from '../live/listener.js';
import type { Log } from '../platform/log.js';
import type { Platform } from '../platform/platform.js';
import type { EventStreams } from './event-streams.js';
import { sendError, sendJson } from './http-answers.js';
import { type CallerOptions, callerOf } from './http-caller.js';
import type { HttpCommands } from './http-commands.js';
import { jsonBody } from './json-body.js';
import type { Shape } from './parse-message.js';
import { refusals } from './refusal.js';
import { isKnown, methodsOf, type RestRequest, restMessage } from './rest-message.js';
import { protocolVersion } from './socket-path.js';
import { toProtocolError } from './to-protocol-error.js';
import { traceOf } from './trace-id.js';

export interface RestRoutesOptions extends CallerOptions {
  readonly commands: HttpCommands;
  readonly log: Log;
  readonly platform: Platform;
  readonly shape: Shape;
  readonly streams: EventStreams;
  /** Bytes of a body. */
  readonly message: number;
}

type RestParams = { readonly version: string; readonly '*': string };

/** Versions are numbers, so that an app may serve files of its own from `/vendor/`. */
const path = '/v:version(^[\\d.]+$)/*';

/** Section HTTP: the commands on objects, over REST. */
export function restRoutes(app: FastifyInstance, options: RestRoutesOptions): void {
  const method = app.supportedMethods.filter((one) => one !== 'OPTIONS');
  const routes = new RestRoutes(options);
  app.route<{ Params: RestParams }>({
    method,
    url: path,
    bodyLimit: options.message,
    handler: (request, reply) => routes.handle(request, reply),
  });
}

class RestRoutes {
  readonly #options: RestRoutesOptions;

  constructor(options: RestRoutesOptions) {
    this.#options = options;
  }

  async handle(
    request: FastifyRequest<{ Params: RestParams }>,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { params } = request;
    if (`v${params.version}` !== `v${protocolVersion}`) {
      return sendJson(reply, 400, JSON.stringify(refusals.unsupportedVersion));
    }
    const vary = [reply.getHeader('Vary'), 'Authorization'].flat().filter(Boolean).join(', ');
    reply.header('Cache-Control', 'private, no-cache').header('Vary', vary);
    const target = parseR(`/${params['*']}`);
    try {
      return await this.#serve(request, reply, target);
    } catch (thrown) {
      const { log, platform } = this.#options;
      const fields = { method: request.method, r: target?.r };
      const error = toProtocolError(thrown, { log, platform, fields });
      return sendError(reply, error, target?.r);
    }
  }

  async #serve(
    request: FastifyRequest,
    reply: FastifyReply,
    target: ParsedR | undefined,
  ): Promise<FastifyReply> {
    const caller = await callerOf(request, this.#options);
    if (!target) throw fail('r.invalid');
    const allowed: readonly string[] = methodsOf[target.kind];
    if (!allowed.includes(request.method)) {
      reply.header('Allow', allowed.join(', '));
      throw fail('command.unknown');
    }
    const rest = this.#read(request, target);
    const message = restMessage(rest);
    const traced = traceOf(request.headers);
    if (wantsEvents(request)) {
      return await this.#options.streams.open(request, reply, { caller, rest, message, traced });
    }
    const { body } = await this.#options.commands.run(message, deaf(caller.auth), traced);
    return answer(rest, reply, body);
  }

  #read(request: FastifyRequest, target: ParsedR): RestRequest {
    const query = new Map<string, string>();
    for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
      if (typeof value !== 'string') throw fail.invalid(name, 'expected.once');
      query.set(name, value);
    }
    const { method, headers } = request;
    const { shape } = this.#options;
    const takesBody = method === 'POST' || method === 'PATCH';
    const body = takesBody ? jsonBody(request.body, shape) : undefined;
    return { method, target, query, headers, body, shape };
  }
}

/** Who hears no pushes: none of the commands that come here subscribes. */
function deaf(auth: Listener['auth']): Listener {
  return { auth, congested: false, push() {} };
}

function wantsEvents({ method, headers }: FastifyRequest): boolean {
  if (method !== 'GET') return false;
  const types = (headers.accept ?? '').split(',');
  // A quality of 0 says that it is not wanted (RFC 9110, section 12.4.2).
  return types.some((type) =>
    /^\s*text\/event-stream\s*(;|$)(?!.*\bq=0(\.0*)?\s*(;|$))/i.test(type),
  );
}

/** The command's answer, as HTTP says it. */
function answer(request: RestRequest, reply: FastifyReply, body: JsonObject): FastifyReply {
  const { method, target, headers } = request;
  const shown = body.body as JsonObject | undefined;
  if (method === 'DELETE') return reply.code(204).send();
  if (method === 'POST') {
    const created = shown ?? {};
    reply.header('Location', `/v${protocolVersion}${String(created._r)}`);
    return sendJson(tagged(reply, created._rev), 201, JSON.stringify(body));
  }
  if (method === 'PATCH') return sendJson(tagged(reply, body.rev), 200, JSON.stringify(body));
  if (target.kind === 'collection') return sendJson(reply, 200, JSON.stringify(body));
  const rev = Number(shown?._rev);
  if (isKnown(headers['if-none-match']?.toString(), rev))
    return tagged(reply, rev).code(304).send();
  return sendJson(tagged(reply, rev), 200, JSON.stringify(body));
}

/** The revision is the ETag. */
function tagged(reply: FastifyReply, rev: unknown): FastifyReply {
  return typeof rev === 'number' ? reply.header('ETag', `"${rev}"`) : reply;
}
