import {
  fail,
  type JsonObject,
  type JsonValue,
  nearestName,
  type ParsedR,
  ProtocolError,
  parseR,
} from '@really/protocol';
import type { AcceptedRevs } from '../../../commands/write/accepted-revs.js';
import { type JsonLimits, parseMessage } from '../../websocket/parse-message.js';
import { revisionsIn } from './entity-tags.js';

/** An HTTP request on an R, as far as it matters for its command. */
export interface RestRequest {
  readonly method: string;
  readonly target: ParsedR;
  /** The command that a body asks for, if the path says so (rules HTTP14 and PRS13). */
  readonly bodyCommand: BodyCommand | undefined;
  /** The last value of each parameter. */
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as JSON; `undefined` if there is none. */
  readonly body: JsonObject | undefined;
  /** Limits of JSON in the query, as part of the message. */
  readonly limits: JsonLimits;
}

export type BodyCommand = 'read' | 'count' | 'send';

/** What a request's path stands for, without its version. */
export interface RestTarget {
  /** `undefined` if the path has no R. */
  readonly target: ParsedR | undefined;
  readonly bodyCommand?: BodyCommand | undefined;
  /** The methods it is served for. */
  readonly methods: readonly string[];
}

const methodsOf: Readonly<Record<ParsedR['kind'], readonly string[]>> = {
  object: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'],
  collection: ['GET', 'HEAD', 'POST', 'OPTIONS'],
};

/**
 * With a body, `/users/_query` and `/users/_count` are queries on the collection, and
 * `/users/1/_send` is a message to the room of the object. For other methods they are Rs, since
 * clients may choose such ids.
 */
export function restTarget(path: string, method: string): RestTarget {
  const target = parseR(path);
  const [, collection, name] = /^(.*)\/_(query|count|send)\/?$/.exec(path) ?? [];
  const others = target ? methodsOf[target.kind] : [];
  if (name === undefined) return { target, methods: others };
  const methods = target ? others : ['POST', 'OPTIONS'];
  if (method !== 'POST') return { target, methods };
  const at = parseR(collection);
  if (name === 'query') return { target: at, bodyCommand: 'read', methods };
  if (name === 'count') return { target: at, bodyCommand: 'count', methods };
  if (at?.kind === 'collection') return { target, methods: others };
  return { target: at, bodyCommand: 'send', methods };
}

/**
 * The equivalent WebSocket message (rules HTTP5 to HTTP10, HTTP14); revisions are passed separately
 * (`acceptedRevs`). Throws if a header or parameter is invalid.
 */
export function restMessage(request: RestRequest): JsonObject {
  const { method, target, body } = request;
  const { r } = target;
  assertKnown(request);
  switch (method) {
    case 'GET':
    case 'HEAD':
      return target.kind === 'object' ? getMessage(request) : readMessage(request);
    case 'POST':
      if (request.bodyCommand) return bodyMessage(request, request.bodyCommand);
      return { cmd: 'create', r, body: body ?? {}, ...onceOf(request) };
    case 'PATCH':
      return { cmd: 'update', r, rev: 0, body: body ?? {}, ...onceOf(request) };
    default:
      return { cmd: 'delete', r, ...onceOf(request) };
  }
}

/** Cannot subscribe: events need a GET. */
function bodyMessage({ target, body = {} }: RestRequest, cmd: BodyCommand): JsonObject {
  if (cmd === 'send') return { cmd, r: target.r, body };
  if (body.subscribe === true) throw fail.invalid('cmdOpts.subscribe', 'expected.absent');
  return { cmd, r: target.r, cmdOpts: cmd === 'count' ? countOptions(body) : body };
}

/** Options that a count ignores: the same query may be read or counted (rules HTTP7, HTTP14). */
const readAlone: ReadonlySet<string> = new Set([
  ...['fields', 'sort', 'ascending', 'limit', 'skip', 'paginationToken', 'includeTotalCount'],
]);

function countOptions(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([name]) => !readAlone.has(name)));
}

/** Parameters of every request: the token, as an alternative to the header. */
const everywhere = ['access_token'];

/** Parameters of a GET, by the kind of R. */
const parametersOf = {
  object: [...everywhere, 'fields', 'lastEventId', 'history', 'before', 'limit', 'presence'],
  collection: [
    ...everywhere,
    ...['filter', 'values', 'fields', 'sort', 'ascending', 'limit', 'skip'],
    ...['paginationToken', 'includeTotalCount', 'count', 'lastEventId'],
  ],
} as const;

/** An unknown parameter is refused, since it was meant to change the response (rule HTTP16). */
function assertKnown({ method, target, query }: RestRequest): void {
  const isRead = method === 'GET' || method === 'HEAD';
  const known: readonly string[] = isRead ? parametersOf[target.kind] : everywhere;
  for (const name of query.keys()) {
    if (known.includes(name)) continue;
    const details = ['parameter.unknown', `expected.${nearestName(name, known)}`];
    throw fail('request.invalid', { [name.slice(0, longestName)]: details });
  }
}

/** Characters of a name repeated in an error. */
const longestName = 64;

function getMessage({ target, query }: RestRequest): JsonObject {
  const [before, limit] = [query.get('before'), query.get('limit')];
  if (isOn('history', query)) {
    if (query.has('fields')) throw fail.invalid('fields', 'expected.absent.with.history');
    const options = { before: numberOf(before), limit: numberOf(limit) };
    return { cmd: 'history', r: target.r, cmdOpts: optionsOf(options) };
  }
  if (before !== undefined) throw fail.invalid('before', 'expected.with.history');
  if (limit !== undefined) throw fail.invalid('limit', 'expected.with.history');
  return { cmd: 'get', r: target.r, cmdOpts: optionsOf({ fields: fieldsOf(query) }) };
}

function readMessage({ target, query, limits }: RestRequest): JsonObject {
  const filter = query.get('filter');
  const values = valuesOf(query.get('values'), limits);
  const { r } = target;
  if (isOn('count', query)) {
    return { cmd: 'count', r, cmdOpts: optionsOf({ query: queryOf(filter, values) }) };
  }
  const options = {
    fields: fieldsOf(query),
    query: queryOf(filter, values),
    sort: query.get('sort'),
    ascending: booleanOf(query.get('ascending')),
    limit: numberOf(query.get('limit')),
    skip: numberOf(query.get('skip')),
    paginationToken: query.get('paginationToken'),
    includeTotalCount: booleanOf(query.get('includeTotalCount')),
  };
  return { cmd: 'read', r, cmdOpts: optionsOf(options) };
}

function optionsOf(options: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as JsonObject;
}

function fieldsOf(query: ReadonlyMap<string, string>): string[] | undefined {
  return query.get('fields')?.split(',');
}

function queryOf(
  filter: string | undefined,
  values: JsonObject | undefined,
): JsonObject | undefined {
  if (filter === undefined) {
    if (values !== undefined) throw fail.invalid('filter', 'expected.with.values');
    return undefined;
  }
  return values === undefined ? { filter } : { filter, values };
}

/** Levels of the message above its `cmdOpts.query.values`. */
const levelsAbove = 3;

function valuesOf(text: string | undefined, limits: JsonLimits): JsonObject | undefined {
  if (text === undefined) return undefined;
  const depth = limits.depth - levelsAbove;
  const parsed = parseMessage(Buffer.from(text), { keyLength: limits.keyLength, depth });
  if (parsed.kind === 'message') return parsed.message;
  if (parsed.kind === 'malformed') throw fail.invalid('values', 'expected.object');
  throw fail.invalid(`values.${parsed.member}`, parsed.detail);
}

/** Anything but a number stays text, and is refused by the command. */
function numberOf(text: string | undefined): JsonValue | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function booleanOf(text: string | undefined): JsonValue | undefined {
  if (text === 'true' || text === '1' || text === '') return true;
  return text === 'false' || text === '0' ? false : text;
}

/** True for `?count`, `?count=`, `?count=true` and `?count=1`. */
export function isOn(
  name: 'count' | 'history' | 'presence',
  query: ReadonlyMap<string, string>,
): boolean {
  const value = booleanOf(query.get(name));
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw fail.invalid(name, 'expected.boolean');
}

/** `Idempotency-Key` is the `once` of the command. */
function onceOf({ headers }: RestRequest): JsonObject {
  const key = headers['idempotency-key'];
  return typeof key === 'string' ? { cmdOpts: { once: key } } : {};
}

/** Rule HTTP8. Throws 428 if a revision is required and missing. */
export function acceptedRevs({ method, headers }: RestRequest): AcceptedRevs | undefined {
  const accepted = revisionsIn(headers['if-match']?.toString());
  if (accepted !== undefined || method !== 'PATCH') return accepted;
  const errors = { 'If-Match': ['expected.revision'] };
  throw new ProtocolError({ code: 428, message: 'revision.required', errors });
}
