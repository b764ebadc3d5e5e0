import { createHash } from 'node:crypto';
import { fail, type JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { viewLength } from '../../../model/view/view-text.js';
import { toProtocolError } from '../../../objects/to-protocol-error.js';
import { ownerOf, type Requester } from '../../../queries/owner.js';
import type { AppDeps } from '../../app-deps.js';
import { priceOf } from '../../dispatch/priced-responses.js';
import { Intake } from '../../limits/intake.js';
import { networkOf } from '../../server/address-network.js';
import { refusals } from '../../server/http-refusal.js';
import { protocolVersion } from '../../server/socket-path.js';
import { type Caller, callerOf, payMembers } from '../auth/caller.js';
import { sendError, sendJson, sendRefusal } from '../http-responses.js';
import { parsedBody } from '../request-body.js';
import type { EventStreams } from '../sse/event-streams.js';
import { isKnown, objectTag } from './entity-tags.js';
import { runHttpCommand, traceOf } from './http-commands.js';
import {
  acceptedRevs,
  isOn,
  type RestRequest,
  type RestTarget,
  restMessage,
  restTarget,
} from './rest-message.js';

type RestCall = FastifyRequest<{ Params: RestParams }>;

type RestParams = { readonly version: string; readonly '*': string };

/** Versions are numbers, so that an app may serve its own files from paths such as `/vendor/`. */
const path = '/v:version(^[\\d.]+$)/*';

/** Section HTTP: the commands on objects, over REST. */
export function restRoutes(app: FastifyInstance, deps: AppDeps, streams: EventStreams): void {
  const method = app.supportedMethods.filter((name) => name !== 'OPTIONS');
  const routes = new RestRoutes(deps, streams);
  app.route<{ Params: RestParams }>({
    method,
    url: path,
    bodyLimit: deps.limits.message,
    onRequest: async (request, reply) => await routes.authorize(request, reply),
    handler: (request, reply) => routes.handle(request, reply),
  });
}

interface AuthorizedCall {
  readonly caller: Caller;
  readonly asked: RestTarget;
}

class RestRoutes {
  readonly #deps: AppDeps;
  readonly #streams: EventStreams;
  readonly #authorized = new WeakMap<FastifyRequest, AuthorizedCall>();

  constructor(deps: AppDeps, streams: EventStreams) {
    this.#deps = deps;
    this.#streams = streams;
  }

  /** Checks version, method and token before any body is read. */
  async authorize(request: RestCall, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { params, method } = request;
    if (params.version !== protocolVersion) {
      return sendRefusal(reply, refusals.unsupportedVersion);
    }
    const asked = restTarget(`/${params['*']}`, method);
    const { target, methods } = asked;
    if (methods.length > 0 && !methods.includes(method)) {
      reply.header('Allow', methods.join(', '));
      return sendError(reply, fail('command.unknown'), target?.r);
    }
    setPrivateHeaders(reply);
    try {
      const caller = await callerOf(request, this.#deps);
      this.#authorized.set(request, { caller, asked });
      return undefined;
    } catch (thrown) {
      return this.#refuse(reply, thrown, { method, r: target?.r });
    }
  }

  async handle(request: RestCall, reply: FastifyReply): Promise<FastifyReply> {
    const call = this.#authorized.get(request);
    if (!call) throw new Error('a request was served without authorization');
    try {
      return await this.#serve(request, reply, call);
    } catch (thrown) {
      return this.#refuse(reply, thrown, { method: request.method, r: call.asked.target?.r });
    }
  }

  #refuse(
    reply: FastifyReply,
    thrown: unknown,
    asked: { readonly method: string; readonly r: string | undefined },
  ): FastifyReply {
    return sendError(reply, toProtocolError(thrown, this.#deps, asked), asked.r);
  }

  async #serve(
    request: FastifyRequest,
    reply: FastifyReply,
    call: AuthorizedCall,
  ): Promise<FastifyReply> {
    const { caller } = call;
    const rest = await this.#read(request, call);
    const message = restMessage(rest);
    const traced = traceOf(request.headers);
    if (wantsEvents(request)) {
      const opening = { caller, rest, message, traced };
      return await this.#priced(caller, reply, 'get', () =>
        this.#streams.open(request, reply, opening),
      );
    }
    if (isOn('presence', rest.query)) throw fail.invalid('presence', 'expected.with.events');
    const { live } = this.#deps;
    // Read first: if the model changes meanwhile, an older tag does not match later.
    const { names, r } = rest.target;
    const view = live.sharedViewOf(names, caller.auth, r);
    const from = { ...requesterOf(caller), acceptedRevs: acceptedRevs(rest) };
    const cmd = String(message.cmd);
    const tagOf: RestResult['tagOf'] = async (rev, text) =>
      objectTag(rev, { epoch: live.epoch, view: view ?? (await digestOf(text)) });
    return await this.#priced(caller, reply, cmd, async (serialize, charge) => {
      const { body } = await runHttpCommand(this.#deps, message, { ...from, charge }, traced);
      return await respond(reply, rest, { cmd, body, tagOf, serialize });
    });
  }

  /** Rule LIM37: runs what may have a large response, within the limits of owner and tick. */
  async #priced<T>(
    caller: Caller,
    { raw: response }: FastifyReply,
    cmd: string,
    work: (serialize: SerializeBody, charge: (bytes: number) => void) => Promise<T>,
  ): Promise<T> {
    const { pricedResponses, intakes } = this.#deps;
    const payer = Intake.ofRequest(intakes, { address: caller.address, uid: caller.auth.uid });
    const by = { owner: ownerOf(requesterOf(caller)), uid: caller.auth.uid, payer };
    const isPriced = pricedResponses.isPriced(cmd);
    const serialize: SerializeBody = async (body) =>
      isPriced
        ? await pricedResponses.write(body, by, () => JSON.stringify(body))
        : JSON.stringify(body);
    try {
      const charge = (bytes: number) => payer.pay(priceOf(bytes));
      return await pricedResponses.run(cmd, { by, response }, () => work(serialize, charge));
    } finally {
      payer.end();
    }
  }

  async #read(
    request: FastifyRequest,
    { caller, asked: { target, bodyCommand } }: AuthorizedCall,
  ): Promise<RestRequest> {
    if (!target) throw fail('r.invalid');
    const query = new Map<string, string>();
    for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
      query.set(name, parameterOf(name, value));
    }
    const { method, headers } = request;
    const { limits } = this.#deps;
    const takesBody = method === 'POST' || method === 'PATCH';
    const body = takesBody ? await parsedBody(request.body, this.#deps, request) : undefined;
    if (body) await payMembers(caller, body.members, this.#deps);
    return { method, target, bodyCommand, query, headers, body: body?.message, limits };
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

/** For fair limits, all of an IPv6 network are one. */
function requesterOf({ auth, address }: Caller): Requester {
  return { auth, address: networkOf(address) };
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
  readonly cmd: string;
  readonly body: JsonObject;
  /**
   * The ETag of a revision, without its quotes. `text`: the response, which stands for the view where
   * other objects decide what is seen.
   */
  readonly tagOf: (rev: number, text?: () => Promise<string>) => Promise<string>;
  readonly serialize: SerializeBody;
}

/** Sends the command's result as an HTTP response. */
async function respond(
  reply: FastifyReply,
  { headers }: RestRequest,
  { cmd, body, tagOf, serialize }: RestResult,
): Promise<FastifyReply> {
  if (cmd === 'delete') return reply.code(204).send();
  const shown = body.body as JsonObject | undefined;
  let made: Promise<string> | undefined;
  const text = () => {
    made ??= serialize(body);
    return made;
  };
  if (cmd === 'create') reply.header('Location', `/v${protocolVersion}${String(shown?._r)}`);
  if (cmd === 'create' || cmd === 'update') {
    const rev = cmd === 'create' ? shown?._rev : body.rev;
    if (typeof rev === 'number') reply.header('ETag', `"${await tagOf(rev)}"`);
  }
  if (cmd === 'get') {
    const current = await tagOf(Number(shown?._rev), text);
    reply.header('ETag', `"${current}"`);
    if (isKnown(headers['if-none-match']?.toString(), current)) return reply.code(304).send();
  }
  return sendJson(reply, cmd === 'create' ? 201 : 200, await text());
}

/** As long as a view. Without a text it is a digest that no response has. */
async function digestOf(text: () => Promise<string> = async () => ''): Promise<string> {
  const digest = createHash('sha256')
    .update(await text())
    .digest('base64url');
  return digest.slice(0, viewLength);
}
