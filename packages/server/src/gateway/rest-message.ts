import {
  fail,
  type JsonObject,
  type JsonValue,
  type ParsedR,
  ProtocolError,
} from '@really/protocol';
import { parseMessage, type Shape } from './parse-message.js';

/** An HTTP request on an R, as far as it matters for the command that it stands for. */
export interface RestRequest {
  readonly method: string;
  readonly target: ParsedR;
  /** Each parameter once. */
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as JSON; `undefined` where there is none. */
  readonly body: JsonObject | undefined;
  /** What JSON in the query may look like, as part of the message. */
  readonly shape: Shape;
}

/** Methods of section HTTP, by what the R is. */
export const methodsOf = {
  object: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
  collection: ['GET', 'HEAD', 'POST'],
} as const;

/** The message that would be sent on a socket (rules HTTP5 to HTTP10). Throws where a header or parameter is wrong. */
export function restMessage(request: RestRequest): JsonObject {
  const { method, target, body } = request;
  const { r } = target;
  switch (method) {
    case 'GET':
    case 'HEAD':
      return target.kind === 'object' ? getMessage(request) : readMessage(request);
    case 'POST':
      return { cmd: 'create', r, body: body ?? {}, ...onceOf(request) };
    case 'PATCH':
      return { cmd: 'update', r, rev: requiredRev(request), body: body ?? {}, ...onceOf(request) };
    default:
      return { cmd: 'delete', r, ...optionalRev(request), ...onceOf(request) };
  }
}

function getMessage({ target, query }: RestRequest): JsonObject {
  return { cmd: 'get', r: target.r, cmdOpts: optionsOf({ fields: fieldsOf(query) }) };
}

function readMessage({ target, query, shape }: RestRequest): JsonObject {
  const filter = query.get('filter');
  const values = valuesOf(query.get('values'), shape);
  const { r } = target;
  if (isOn(query.get('count'))) {
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

function valuesOf(text: string | undefined, shape: Shape): JsonObject | undefined {
  if (text === undefined) return undefined;
  const depth = shape.depth - levelsAbove;
  const parsed = parseMessage(Buffer.from(text), { ...shape, depth });
  if (parsed.kind === 'message') return parsed.message;
  if (parsed.kind === 'malformed') throw fail.invalid('values', 'expected.object');
  throw fail.invalid(`values.${parsed.member}`, parsed.detail);
}

/** What is no number stays text, and is refused as such by the command. */
function numberOf(text: string | undefined): JsonValue | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function booleanOf(text: string | undefined): JsonValue | undefined {
  if (text === 'true' || text === '1' || text === '') return true;
  return text === 'false' || text === '0' ? false : text;
}

/** `?count`, `?count=`, `?count=true`, `?count=1`. */
function isOn(text: string | undefined): boolean {
  const value = booleanOf(text);
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw fail.invalid('count', 'expected.boolean');
}

/** `Idempotency-Key` is the `once` of the command. */
function onceOf({ headers }: RestRequest): JsonObject {
  const key = headers['idempotency-key'];
  return typeof key === 'string' ? { cmdOpts: { once: key } } : {};
}

function requiredRev(request: RestRequest): number {
  const rev = revOf(request);
  if (rev !== undefined) return rev;
  const errors = { 'If-Match': ['expected.revision'] };
  throw new ProtocolError({ code: 428, message: 'revision.required', errors });
}

function optionalRev(request: RestRequest): { rev?: number } {
  if (request.headers['if-match'] === '*') return {};
  const rev = revOf(request);
  return rev === undefined ? {} : { rev };
}

/** `42`, `"42"` or `W/"42"`. */
function revOf({ headers }: RestRequest): number | undefined {
  const given = headers['if-match'];
  if (given === undefined) return undefined;
  const match = /^\s*(?:W\/)?("?)([1-9]\d{0,14})\1\s*$/.exec(String(given));
  if (!match) throw fail.invalid('If-Match', 'expected.revision');
  return Number(match[2]);
}

/** Whether a client that has what `If-None-Match` names has the current one (RFC 9110, section 13.1.2). */
export function isKnown(header: string | undefined, current: string | number): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => {
    const bare = tag
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return bare === '*' || bare === String(current);
  });
}
