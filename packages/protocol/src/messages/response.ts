import type { ErrorBody, ErrorMeta, ProtocolError } from '../errors.js';
import type { JsonObject, JsonValue } from '../json.js';

/** The one answer to a request. */
export interface Response {
  tag: number;
  /** Of the answers to initialize and ping. */
  evt?: 'initialized' | 'pinged';
  /** Printed: of a create the collection, or the object where the client chose the id. */
  r?: string;
  rev?: number;
  meta?: JsonObject;
  body?: JsonObject;
  /** Of a ping, as it was sent. */
  timestamp?: JsonValue;
}

export interface ErrorResponse {
  /** Where the request had a usable one. */
  tag?: number;
  r?: string;
  error: ErrorBody;
  meta?: ErrorMeta;
}

/** An error as it is sent, with the tag and the R where they are known. */
export function errorResponse(
  error: ProtocolError,
  known: { readonly tag?: number | undefined; readonly r?: string | undefined } = {},
): ErrorResponse {
  return {
    ...(known.tag !== undefined && { tag: known.tag }),
    ...(known.r !== undefined && { r: known.r }),
    error: error.toJSON(),
    ...(error.meta && { meta: error.meta }),
  };
}

/** `body` of `initialized`. */
export interface InitializedBody {
  'connection-handle': string;
  user: { uid: string; authType?: string; _r?: string; data?: JsonObject };
  /** ISO 8601; where the token expires. */
  expires?: string;
}

/** One object of a read, and the answer to a get. */
export interface ObjectAnswer {
  /** What was asked for and may be seen, set or not. */
  meta: { fields: string[] };
  body: JsonObject;
}

/** `body` of the answer to a read. */
export interface ReadBody {
  /** Where there are items. */
  tokens?: { nextToken: string; prevToken: string };
  /** Where asked for. */
  totalResults?: number;
  items: ObjectAnswer[];
}

/** `body` of the answer to a subscribe. */
export interface SubscribeBody {
  subscriptions: { r: string; fields: string[] }[];
  /** Where there are any. */
  failures?: { r: string; error: ErrorBody }[];
}

/** A reference as get and read show it. */
export interface Dereferenced {
  value: string;
  ref?: JsonObject;
  error?: ErrorBody;
}
