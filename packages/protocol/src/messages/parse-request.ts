import { fail, ProtocolError } from '../errors.js';
import type { JsonObject } from '../json/json.js';
import { parseR } from '../r.js';
import { type BatchRequest, parseBatch } from './batch.js';
import { type CountRequest, parseCount } from './count.js';
import { type CreateRequest, parseCreate } from './create.js';
import { type DeleteRequest, parseDelete } from './delete.js';
import { type GetRequest, parseGet } from './get.js';
import { type HistoryRequest, parseHistory } from './history.js';
import { type InitializeRequest, parseInitialize } from './initialize.js';
import { type JoinRoomRequest, parseJoin } from './join.js';
import { type LeaveRequest, parseLeave } from './leave.js';
import { type PingRequest, parsePing } from './ping.js';
import { type PresentRequest, parsePresent } from './present.js';
import { parseRead, type ReadRequest } from './read.js';
import { readEnvelope } from './request.js';
import { defaultRequestLimits, type RequestLimits } from './request-limits.js';
import { parseSend, type SendRequest } from './send.js';
import { parseSubscribe, type SubscribeRequest } from './subscribe.js';
import { parseUnsubscribe, type UnsubscribeRequest } from './unsubscribe.js';
import { parseUpdate, type UpdateRequest } from './update.js';

/** Any request of a client. */
export type Request =
  | InitializeRequest
  | PingRequest
  | CreateRequest
  | GetRequest
  | UpdateRequest
  | DeleteRequest
  | BatchRequest
  | ReadRequest
  | CountRequest
  | HistoryRequest
  | SubscribeRequest
  | UnsubscribeRequest
  | JoinRoomRequest
  | PresentRequest
  | SendRequest
  | LeaveRequest;

export type CommandName = Request['cmd'];

export type ParsedRequest =
  | { readonly ok: true; readonly request: Request }
  | {
      readonly ok: false;
      readonly error: ProtocolError;
      /** For the response, where they are known. */
      readonly tag?: number | undefined;
      readonly r?: string | undefined;
    };

type Parse = (message: JsonObject, tag: number, limits: RequestLimits) => Request;

const parsers: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ['initialize', parseInitialize],
  ['ping', parsePing],
  ['poke', parsePing],
  ['create', parseCreate],
  ['get', parseGet],
  ['update', parseUpdate],
  ['delete', parseDelete],
  ['batch', parseBatch],
  ['read', parseRead],
  ['count', parseCount],
  ['history', parseHistory],
  ['subscribe', parseSubscribe],
  ['unsubscribe', parseUnsubscribe],
  ['join', parseJoin],
  ['present', parsePresent],
  ['send', parseSend],
  ['leave', parseLeave],
]);

/**
 * The only place where a client's message becomes a request; later code may trust the types.
 * Unknown members are ignored.
 */
export function parseRequest(
  message: JsonObject,
  limits: RequestLimits = defaultRequestLimits,
): ParsedRequest {
  const { tag, cmd } = readEnvelope(message);
  if (cmd === undefined) return { ok: false, error: fail('request.invalid'), tag };
  if (tag === undefined) {
    const error = cmd === 'initialize' ? 'initialize.invalid' : 'request.invalid';
    return { ok: false, error: fail(error) };
  }
  const parse = parsers.get(cmd);
  if (parse === undefined) return { ok: false, error: fail('command.unknown'), tag };
  try {
    return { ok: true, request: parse(message, tag, limits) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, error, tag, r: parseR(message.r)?.r };
  }
}
