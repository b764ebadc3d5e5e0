import type { JsonObject, JsonValue } from '../json/json.js';
import { type ParsedRequest, parseRequest } from './parse-request.js';

export const op = { op: 'set', key: 'name', value: 'x' };

/** A valid request of each command, with all its members. */
export const right = {
  initialize: {
    tag: 1,
    cmd: 'initialize',
    accessToken: 'x',
    'connection-handle': 'h',
    received: 4,
  },
  ping: { tag: 1, cmd: 'ping', timestamp: 12 },
  create: {
    tag: 1,
    cmd: 'create',
    r: '/users',
    traceId: 't',
    body: { a: 1 },
    cmdOpts: { once: 'o' },
  },
  get: { tag: 1, cmd: 'get', r: '/users/1', traceId: 't', cmdOpts: { fields: ['a', '@b'] } },
  update: {
    tag: 1,
    cmd: 'update',
    r: '/users/1',
    rev: 3,
    traceId: 't',
    body: { ops: [op] },
    cmdOpts: { once: 'o' },
  },
  delete: { tag: 1, cmd: 'delete', r: '/users/1', rev: 3, traceId: 't', cmdOpts: { once: 'o' } },
  read: {
    tag: 1,
    cmd: 'read',
    r: '/users',
    traceId: 't',
    cmdOpts: {
      fields: ['a'],
      query: { filter: 'a = $b', values: { b: 1 } },
      ascending: true,
      limit: 10,
      skip: 0,
      paginationToken: 'p',
      includeTotalCount: true,
    },
  },
  count: {
    tag: 1,
    cmd: 'count',
    r: '/users',
    traceId: 't',
    cmdOpts: { query: { filter: 'a = 1' } },
  },
  subscribe: {
    tag: 1,
    cmd: 'subscribe',
    traceId: 't',
    body: { subscriptions: [{ r: '/users/1', rev: 2, fields: ['a'], pos: 'p' }] },
  },
  unsubscribe: {
    tag: 1,
    cmd: 'unsubscribe',
    traceId: 't',
    body: { subscriptions: ['/users/1', { r: '/users', fields: ['a'] }, 'q1'] },
  },
} satisfies Record<string, JsonObject>;

export const messages: [string, JsonObject][] = Object.entries(right);

export type Refusal = { tag?: number; r?: string; error: { errors?: Record<string, string[]> } };

export function refusal(result: ParsedRequest): Refusal {
  if (result.ok) throw new Error(`not refused: ${JSON.stringify(result.request)}`);
  const { tag, r, error } = result;
  return JSON.parse(JSON.stringify({ tag, r, error }));
}

export function requestOf(message: JsonObject) {
  const result = parseRequest(message);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.request;
}

/** The message with another value at a path; `undefined` removes the member. */
export function changed(
  message: JsonObject,
  path: string,
  value: JsonValue | undefined,
): JsonObject {
  const copy = structuredClone(message);
  const steps = path.replaceAll('[', '.').replaceAll(']', '').split('.');
  const last = steps.pop() ?? '';
  let place = copy as Record<string, unknown>;
  for (const step of steps) {
    place[step] ??= {};
    place = place[step] as Record<string, unknown>;
  }
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

/** Every member of a message, at any depth. */
export function pathsOf(value: JsonValue, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return path === '' ? [] : [path];
  const inner = Object.entries(value).flatMap(([name, member]) => {
    return pathsOf(member, path === '' ? name : `${path}.${name}`);
  });
  return path === '' ? inner : [path, ...inner];
}
