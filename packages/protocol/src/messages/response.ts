import type { ErrorBody, ErrorMeta, ProtocolError } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/json.js';

// Aliases and not interfaces: only an alias of an object type is assignable to JSON.

/** The single response to a request. */
export type Response = {
  tag: number;
  /** Of the responses to initialize and ping. */
  evt?: 'initialized' | 'pinged';
  /** Printed: for a create the collection, or the object where the client chose the id. */
  r?: string;
  rev?: number;
  meta?: JsonObject;
  body?: JsonObject;
  /** Of a ping, as it was sent. */
  timestamp?: JsonValue;
};

export type ErrorResponse = {
  /** Where the request had a usable one. */
  tag?: number;
  r?: string;
  error: ErrorBody;
  meta?: ErrorMeta;
};

/** An error response, with the tag and the R where they are known. */
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
export type InitializedBody = {
  'connection-handle': string;
  user: { uid: string; authType?: string; _r?: string; data?: JsonObject; admin?: true };
  /** Of the store: revisions and positions of another epoch have another meaning. */
  epoch: string;
  /** ISO 8601; only where the token expires. */
  expires?: string;
};

/** One object of a read, and the response to a get. */
export type ObjectAnswer = {
  /** The requested fields that are visible, set or not. */
  meta: { fields: string[] };
  body: JsonObject;
};

/** `body` of the response to a read. */
export type ReadBody = {
  /** Only where there are items. */
  tokens?: { nextToken: string; prevToken: string };
  /** Only where requested. */
  totalResults?: number;
  items: ObjectAnswer[];
};

/** `body` of the response to a subscribe. */
export type SubscribeBody = {
  subscriptions: { r: string; fields: string[]; view: string }[];
  /** Only where there are any. */
  failures?: { r: string; error: ErrorBody }[];
};

/** A reference as get and read show it. */
export type Dereferenced = {
  value: string;
  ref?: JsonObject;
  error?: ErrorBody;
};
