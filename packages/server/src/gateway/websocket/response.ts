import { type Auth, errorResponse, type JsonObject, type ProtocolError } from '@really/protocol';
import { encodeFrame } from '../../live/push/frame.js';

/** The text of a response: `body` without the tag. */
export function responseText(tag: number, body: JsonObject): string {
  const rest = JSON.stringify(body);
  return rest === '{}' ? `{"tag":${tag}}` : `{"tag":${tag},${rest.slice(1)}`;
}

/** The text of an error response, with `tag` and `r` if they are known (rule ERR1). */
export function errorText(
  error: ProtocolError,
  known?: Parameters<typeof errorResponse>[1],
): string {
  return JSON.stringify(errorResponse(error, known));
}

export interface Initialized {
  readonly handle: string;
  readonly auth: Auth;
  readonly epoch: string;
  /** Expiry of the token, milliseconds since the Unix epoch. */
  readonly expires: number | undefined;
  /** Set if the request named a connection-handle. */
  readonly resumed?: boolean | undefined;
  /** The hash of the models, if the request asked for it. */
  readonly models?: string | undefined;
}

/** The response to a successful `initialize` (rules SES1, SES13 and RES1). */
export function initializedText(
  tag: number,
  { handle, auth, epoch, expires, resumed, models }: Initialized,
): string {
  const { _r, authType, uid, data = {}, admin } = auth;
  const user = { _r, authType, uid, data, admin };
  const until = expires === undefined ? undefined : new Date(expires).toISOString();
  const body = { 'connection-handle': handle, user, epoch, expires: until, resumed, models };
  return JSON.stringify({ tag, evt: 'initialized', body });
}

export function frameOf(text: string): Buffer {
  return encodeFrame(text).bytes;
}

/** Frames with a fixed text, encoded once. */
export const fixedFrames = {
  kicked: frameOf('{"evt":"kicked"}'),
  tokenExpired: frameOf('{"evt":"token-expired"}'),
};

export const pingFrame = Buffer.from([0x89, 0]);

/** The pong for a ping: the same payload, at most 125 bytes (RFC 6455, section 5.5.3). */
export function pongFrame(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(2 + payload.length);
  frame[0] = 0x8a;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}
