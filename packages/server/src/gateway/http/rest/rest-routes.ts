import { fail, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PushTarget } from '../../../live/push-target.js';
import type { Log } from '../../../platform/log.js';
import type { Platform } from '../../../platform/platform.js';
import { ownerOf } from '../../../queries/owner.js';
import type { PricedResponses } from '../../dispatch/priced-responses.js';
import { toProtocolError } from '../../dispatch/to-protocol-error.js';
import { Intake } from '../../limits/intake.js';
import type { IntakeRates } from '../../limits/intake-rates.js';
import { networkOf } from '../../server/address-network.js';
import { refusals } from '../../server/http-refusal.js';
import { protocolVersion } from '../../server/socket-path.js';
import type { JsonLimits } from '../../websocket/parse-message.js';
import type { SessionDeps } from '../../websocket/session-deps.js';
import { type Caller, type CallerOptions, callerOf, payMembers } from '../auth/caller.js';
import { sendError, sendJson } from '../http-responses.js';
import { parsedBody } from '../json-body.js';
import type { EventStreams } from '../sse/event-streams.js';
import { isKnown, objectTag } from './entity-tags.js';
import type { HttpCommands } from './http-commands.js';
import {
  acceptedRevs,
  type RestRequest,
  type RestTarget,
  restMessage,
  restTarget,
} from './rest-message.js';
import { traceOf } from './trace-id.js';

export interface RestRoutesOptions extends CallerOptions {
  readonly commands: HttpCommands;
  readonly pricedResponses: PricedResponses;
  readonly intakes: IntakeRates;
  readonly log: Log;
  readonly platform: Platform;
  readonly jsonLimits: JsonLimits;
  readonly streams: EventStreams;
  readonly live: Pick<SessionDeps['live'], 'epoch' | 'viewOf'>;
  /** Limit of bytes per body. */
  readonly message: number;
}

type RestCall = FastifyRequest<{ Params: RestParams }>;

type RestParams = { readonly version: string; readonly '*': string };

/** Versions are numbers, so that an app may serve its own files from paths such as `/vendor/`. */
const path = '/v:version(^[\\d.]+$)/*';

/** Section HTTP: the commands on objects, over REST. */
export function restRoutes(app: FastifyInstance, options: RestRoutesOptions): void {
  const method = app.supportedMethods.filter((name) => name !== 'OPTIONS');
  const routes = new RestRoutes(options);
  app.route<{ Params: RestParams }>({
    method,
    url: path,
    bodyLimit: options.message,
    onRequest: async (request, reply) => await routes.authorize(request, reply),
    handler: (request, reply) => routes.handle(request, reply),
  });
}

class RestRoutes {
  readonly #options: RestRoutesOptions;
  /** Of authorized requests. */
  readonly #callers = new WeakMap<FastifyRequest, Caller>();

  constructor(options: RestRoutesOptions) {
    this.#options = options;
  }

  /** Checks version, method and token before any body is read. */
  async authorize(request: RestCall, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { params, method } = request;
    if (params.version !== protocolVersion) {
      return sendJson(reply, 400, JSON.stringify(refusals.unsupportedVersion));
    }
    const { target, methods } = restTarget(`/${params['*']}`, method);
    if (methods.length > 0 && !methods.includes(method)) {
      reply.header('Allow', methods.join(', '));
      return sendError(reply, fail('command.unknown'), target?.r);
    }
    setPrivateHeaders(reply);
    try {
      this.#callers.set(request, await callerOf(request, this.#options));
      return undefined;
    } catch (thrown) {
      return this.#refuse(request, reply, thrown);
    }
  }

  async handle(request: RestCall, reply: FastifyReply): Promise<FastifyReply> {
    const { params, method } = request;
    const asked = restTarget(`/${params['*']}`, method);
    try {
      return await this.#serve(request, reply, asked);
    } catch (thrown) {
      return this.#refuse(request, reply, thrown);
    }
  }

  #refuse({ params, method }: RestCall, reply: FastifyReply, thrown: unknown): FastifyReply {
    const { log, platform } = this.#options;
    const r = restTarget(`/${params['*']}`, method).target?.r;
    const error = toProtocolError(thrown, { log, platform, fields: { method, r } });
    return sendError(reply, error, r);
  }

  async #serve(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: RestTarget,
  ): Promise<FastifyReply> {
    const caller = this.#callers.get(request);
    if (!caller) throw new Error('a request was served without authorization');
    const rest = this.#read(request, asked, caller);
    const message = restMessage(rest);
    const traced = traceOf(request.headers);
    if (wantsEvents(request)) {
      return await this.#options.streams.open(request, reply, { caller, rest, message, traced });
    }
    const { commands, live } = this.#options;
    // Read first: if the model changes meanwhile, an older tag does not match later.
    const view = live.viewOf(rest.target.names, caller.auth) ?? '';
    const details = { ...traced, accepted: acceptedRevs(rest) };
    const tagOf = (rev: number) => objectTag(rev, { epoch: live.epoch, view });
    return await this.#priced(caller, String(message.cmd), async (serialize) => {
      const { body } = await commands.run(message, withoutPushes(caller), details);
      return await respond(rest, reply, { body, tagOf, serialize });
    });
  }

  /**
   * Rule LIM37: runs a command with a possibly large response, within the limits for its owner and
   * the tick.
   */
  async #priced<T>(
    caller: Caller,
    cmd: string,
    work: (serialize: SerializeBody) => Promise<T>,
  ): Promise<T> {
    const { pricedResponses, intakes } = this.#options;
    const payer = Intake.ofRequest(intakes, { address: caller.address, uid: caller.auth.uid });
    const asking = { owner: ownerOf(withoutPushes(caller)), payer };
    const isPriced = pricedResponses.isPriced(cmd);
    const serialize: SerializeBody = async (body) =>
      isPriced
        ? await pricedResponses.write(body, asking, () => JSON.stringify(body))
        : JSON.stringify(body);
    try {
      return await pricedResponses.run(cmd, asking, () => work(serialize));
    } finally {
      payer.end();
    }
  }

  #read(request: FastifyRequest, { target, bodyQuery }: RestTarget, caller: Caller): RestRequest {
    if (!target) throw fail('r.invalid');
    const query = new Map<string, string>();
    for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
      query.set(name, parameterOf(name, value));
    }
    const { method, headers } = request;
    const { jsonLimits } = this.#options;
    const takesBody = method === 'POST' || method === 'PATCH';
    const body = takesBody ? parsedBody(request.body, jsonLimits) : undefined;
    if (body) payMembers(caller, body.members, this.#options);
    return { method, target, bodyQuery, query, headers, body: body?.message, jsonLimits };
  }
}

/** The response depends on the caller. */
function setPrivateHeaders(reply: FastifyReply): void {
  const vary = [reply.getHeader('Vary'), 'Authorization'].flat().filter(Boolean).join(', ');
  reply.header('Cache-Control', 'private, no-cache').header('Vary', vary);
}

/** A list may be sent as `fields=a&fields=b`, as generated clients do. */
function parameterOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (name === 'fields' && Array.isArray(value)) return value.join(',');
  throw fail.invalid(name, 'expected.once');
}

/** Receives no pushes: no REST command subscribes. */
function withoutPushes({ auth, address }: Caller): PushTarget {
  return { auth, address: networkOf(address), congested: false, push() {} };
}

function wantsEvents({ method, headers }: FastifyRequest): boolean {
  if (method !== 'GET') return false;
  const types = (headers.accept ?? '').split(',');
  // A quality of 0 means not acceptable (RFC 9110, section 12.4.2).
  return types.some((type) =>
    /^\s*text\/event-stream\s*(;|$)(?!.*\bq=0(\.0*)?\s*(;|$))/i.test(type),
  );
}

/** Serializes a body as JSON. */
type SerializeBody = (body: JsonObject) => Promise<string>;

interface RestResult {
  readonly body: JsonObject;
  /** The ETag of a revision, without its quotes. */
  readonly tagOf: (rev: number) => string;
  readonly serialize: SerializeBody;
}

/** Sends the command's result as an HTTP response. */
async function respond(
  { method, target, headers, bodyQuery }: RestRequest,
  reply: FastifyReply,
  { body, tagOf, serialize }: RestResult,
): Promise<FastifyReply> {
  const shown = body.body as JsonObject | undefined;
  const tagged = (rev: unknown) => {
    return typeof rev === 'number' ? reply.header('ETag', `"${tagOf(rev)}"`) : reply;
  };
  if (method === 'DELETE') return reply.code(204).send();
  if (bodyQuery) return sendJson(reply, 200, await serialize(body));
  if (method === 'POST') {
    const created = shown ?? {};
    reply.header('Location', `/v${protocolVersion}${String(created._r)}`);
    return sendJson(tagged(created._rev), 201, await serialize(body));
  }
  if (method === 'PATCH') return sendJson(tagged(body.rev), 200, await serialize(body));
  if (target.kind === 'collection') return sendJson(reply, 200, await serialize(body));
  const rev = Number(shown?._rev);
  const isTheirs = isKnown(headers['if-none-match']?.toString(), tagOf(rev));
  if (isTheirs) return tagged(rev).code(304).send();
  return sendJson(tagged(rev), 200, await serialize(body));
}
