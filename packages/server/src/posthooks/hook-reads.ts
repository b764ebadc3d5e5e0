import {
  type Auth,
  type CountRequest,
  defaultReadLimit,
  type FieldErrors,
  fail,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  nearestName,
  ProtocolError,
  parseRequest,
  type ReadRequest,
} from '@really/protocol';
import { orderOf } from '../commands/read/read.js';
import { requestModel } from '../commands/request-model.js';
import { type CommandContext, withPinnedModels } from '../commands/services.js';
import { isStoreDown } from '../jobs/job-queue.js';
import type { HookReadError } from '../model/hook-state.js';
import { scriptObject } from '../model/script-object.js';
import { estimateBytes } from '../objects/estimate-bytes.js';
import { TickSlice } from '../platform/scheduling/tick-slice.js';
import { filterOf } from '../queries/filter.js';
import { ownerOf } from '../queries/owner.js';
import { Search } from '../queries/search.js';
import { QueryTimeout } from '../store/store-errors.js';
import type { Order, Scope } from '../store/store-reads.js';

/** Sees everything, and reads in the turn of all post hooks. */
const readerAuth: Auth = { uid: '_system', authType: 'hook', admin: true };

/** Milliseconds of a tick of the event loop that the answers of all post hooks take, for their objects. */
const answerTime = 4;
/** Objects that one `get` may name: as many as a `read` may find. */
const mostInList = 1000;

/** Objects up to which an answer does not delay other work. */
const smallAnswer = 50;

const byId: Order = { keys: [{ field: '_r', descending: true }] };

const optionNames: Readonly<Record<string, readonly string[]>> = {
  read: ['filter', 'values', 'sort', 'limit'],
  count: ['filter', 'values'],
};

/**
 * Answers `get`, `read` and `count` of post hooks (rule HRD1): with the authority of the app, on what
 * is committed at that time, and within the bounds of queries.
 */
export class HookReads {
  readonly #context: CommandContext;
  readonly #slice: TickSlice;

  /** `context`: privileged. */
  constructor(
    context: CommandContext,
    slice = new TickSlice(context.services.platform.clock, answerTime),
  ) {
    this.#context = context;
    this.#slice = slice;
  }

  /**
   * JSON of a `HookReply` of at most so many bytes. Rejects where the hook is not to blame: with 503
   * if the store is unavailable, with 429 if too many post hooks read.
   */
  async reply(call: readonly JsonValue[], bytes: number): Promise<string> {
    // A call has one set of models from its beginning to its end.
    const pinned = new HookReads(withPinnedModels(this.#context), this.#slice);
    try {
      const reply = `{"value":${await pinned.#answer(call, bytes)}}`;
      if (Buffer.byteLength(reply) > bytes) throw tooLarge();
      return reply;
    } catch (error) {
      if (!isOfHook(error)) throw error;
      if (isTooLarge(error)) this.#context.services.budgets.refuse('limits.hookAnswers');
      return JSON.stringify({ error: readError(String(call[0]), call[1], error) });
    }
  }

  async #answer([name, r, given]: readonly JsonValue[], bytes: number): Promise<string> {
    if (name === 'get') {
      return await (Array.isArray(r) ? this.#list(r, bytes) : this.#object(this.#target(r)));
    }
    const cmd = String(name);
    const request = this.#parse({ cmd, tag: 0, r: r ?? null, cmdOpts: optionsOf(cmd, given) });
    const { queryLimiter } = this.#context.services;
    return await queryLimiter.run({ auth: readerAuth }, async () => {
      if (request.cmd === 'read') return await this.#read(request, bytes);
      if (request.cmd === 'count') return await this.#count(request);
      throw fail('command.unknown');
    });
  }

  #parse(message: JsonObject) {
    const parsed = parseRequest(message, this.#context.services.limits);
    if (!parsed.ok) throw parsed.error;
    return parsed.request;
  }

  /** The R of an object of a collection that there is. */
  #target(r: JsonValue | undefined): string {
    const request = this.#parse({ cmd: 'get', tag: 0, r: r ?? null });
    if (request.cmd !== 'get') throw fail('command.unknown');
    requestModel(this.#context, request.target.names);
    return request.target.r;
  }

  async #list(list: readonly JsonValue[], bytes: number): Promise<string> {
    if (list.length > mostInList) throw fail.invalid('r', `expected.list.up.to.${mostInList}`);
    const rs: string[] = [];
    for (const r of list) {
      try {
        rs.push(this.#target(r));
      } catch (error) {
        if (error instanceof ProtocolError) throw new ListFailure(r, error);
        throw error;
      }
    }
    const texts: string[] = [];
    let size = 0;
    for (const r of rs) {
      const text = await this.#object(r);
      texts.push(text);
      size += text.length;
      if (size > bytes) throw tooLarge();
    }
    return `[${texts.join()}]`;
  }

  /** JSON of it; `null` where there is none. */
  async #object(r: string): Promise<string> {
    await this.#turn();
    const head = await this.#context.services.objects.head(r);
    return !head || head.deleted ? 'null' : JSON.stringify(scriptObject(head));
  }

  /** Before each object: clients decide how large they are. */
  async #turn(): Promise<void> {
    if (this.#slice.isOver) await this.#slice.rest(readerAuth.uid);
  }

  async #read(
    { target: { names, parents }, cmdOpts }: ReadRequest,
    bytes: number,
  ): Promise<string> {
    const { query, limit = defaultReadLimit } = cmdOpts;
    const order = orderOf(requestModel(this.#context, names), cmdOpts);
    const search = await this.#search({ names, parents }, query, order);
    // In memory an object takes more than as text.
    const most = 4 * bytes;
    const hits = await search.page({ start: undefined, skip: 0, limit, bytes: most });
    if (hits.length > smallAnswer) await this.#context.services.queryLimiter.exclusiveTurn();
    const texts: string[] = [];
    let size = 0;
    let held = 0;
    for (const { object } of hits) {
      await this.#turn();
      const text = JSON.stringify(scriptObject(object));
      texts.push(text);
      size += text.length;
      held += estimateBytes(object.data);
      if (size > bytes || held >= most) throw tooLarge();
    }
    return `[${texts.join()}]`;
  }

  async #count({ target: { names, parents }, cmdOpts }: CountRequest): Promise<string> {
    const search = await this.#search({ names, parents }, cmdOpts.query, byId);
    return String(await search.count());
  }

  async #search(
    scope: Scope,
    query: Parameters<typeof filterOf>[1],
    order: Order,
  ): Promise<Search> {
    const { services } = this.#context;
    const model = requestModel(this.#context, scope.names);
    const filter = await filterOf(model, query, services);
    const auth = readerAuth;
    const owner = ownerOf({ auth });
    // Hooks of all users have one owner, and limits of their own.
    const uncharged = { ...services, queryLimiter: undefined };
    return new Search({ services: uncharged, owner, auth, model, scope, filter, order });
  }
}

/** The options as those of the command of the same name. Throws 400 for one that there is not. */
function optionsOf(name: string, given: JsonValue | undefined): JsonObject {
  if (!isJsonObject(given)) return {};
  const { filter, values, ...others } = given;
  const known = optionNames[name] ?? [];
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue;
    const nearest = nearestName(option, known);
    const details = nearest === undefined ? [] : [`expected.${nearest}`];
    throw fail('request.invalid', Object.fromEntries([[option, ['member.unknown', ...details]]]));
  }
  const query: JsonObject = {};
  if (filter !== undefined) query.filter = filter;
  if (values !== undefined) query.values = values;
  return filter === undefined && values === undefined ? others : { ...others, query };
}

function tooLarge(): ProtocolError {
  return fail('answer.too.large', { r: ['beyond limits.hookAnswers'] });
}

function isTooLarge(error: HookFailure): boolean {
  return error instanceof ProtocolError && error.message === 'answer.too.large';
}

/** An error about one R of a list. */
class ListFailure extends Error {
  readonly r: JsonValue;
  override readonly cause: ProtocolError;

  constructor(r: JsonValue, cause: ProtocolError) {
    super(cause.message);
    this.r = r;
    this.cause = cause;
  }
}

type HookFailure = ProtocolError | QueryTimeout | ListFailure;

/** Errors that a hook can do something about. */
function isOfHook(error: unknown): error is HookFailure {
  if (error instanceof QueryTimeout || error instanceof ListFailure) return true;
  return error instanceof ProtocolError && error.code !== 429 && !isStoreDown(error);
}

/** `read /users: 409 query.invalid {"filter":["…"]}`. */
function readError(name: string, r: JsonValue | undefined, error: HookFailure): HookReadError {
  if (error instanceof ListFailure) return readError(name, error.r, error.cause);
  const about = `${name} ${Array.isArray(r) ? 'a list' : r}`;
  if (error instanceof QueryTimeout) {
    return { code: 503, message: `${about}: 503 server.unavailable, beyond limits.queryTime` };
  }
  const errors: FieldErrors = {};
  for (const [path, details] of Object.entries(error.errors ?? {})) {
    errors[path.replace(/^cmdOpts\.(query\.)?/, '')] = details;
  }
  const message = `${about}: ${error.code} ${error.message}`;
  if (Object.keys(errors).length === 0) return { code: error.code, message };
  return { code: error.code, message: `${message} ${JSON.stringify(errors)}`, errors };
}
