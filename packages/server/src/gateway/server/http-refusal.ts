import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Timers } from '../../platform/platform.js';
import type { Origins } from './origins.js';

/** A refusal in the format of the socket's path: `{"code":…,"reason":…}` (rules CON2, CON3). */
export interface HttpRefusal {
  readonly code: number;
  readonly reason: string;
  /** The same as an error of section ERR, for a request that may have been meant for REST. */
  readonly error?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export const refusals = {
  unsupportedVersion: { code: 400, reason: 'protocol version is not supported' },
  noHost: { code: 400, reason: 'the Host header is missing', error: 'request.invalid' },
  manyHosts: { code: 400, reason: 'there are several Host headers', error: 'request.invalid' },
  noHttp: { code: 400, reason: 'the request is not valid HTTP', error: 'request.invalid' },
  notJson: {
    code: 415,
    reason: 'a page of another origin has to send JSON as application/json',
    error: 'content.type.unsupported',
  },
  tooSlow: { code: 408, reason: 'the request took too long', error: 'request.timeout' },
  headTooLarge: { code: 431, reason: 'the headers are too large', error: 'headers.too.large' },
  expectation: { code: 417, reason: 'only Expect: 100-continue is supported' },
  badHandshake: { code: 400, reason: 'the request is not a WebSocket handshake' },
  unknownApp: { code: 404, reason: 'there is no such app' },
  notFound: { code: 404, reason: 'there is no such path' },
  method: {
    code: 405,
    reason: 'a WebSocket handshake has to be a GET request',
    headers: { Allow: 'GET' },
  },
  unknownMethod: {
    code: 405,
    reason: 'the method is unknown',
    error: 'command.unknown',
    headers: { Allow: 'GET, HEAD, POST, PATCH, DELETE, OPTIONS' },
  },
  upgradeRequired: {
    code: 426,
    reason: 'this is a WebSocket: an upgrade is required',
    headers: { Upgrade: 'websocket' },
  },
  webSocketVersion: {
    code: 426,
    reason: 'WebSocket version 13 is required',
    headers: { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
  },
  tooMany: { code: 503, reason: 'too many connections', headers: { 'Retry-After': '1' } },
  goingAway: { code: 503, reason: 'the server is shutting down', headers: { 'Retry-After': '1' } },
} as const satisfies Record<string, HttpRefusal>;

/** An HTTP request refused in this format. */
export class RefusedRequest extends Error {
  readonly refusal: HttpRefusal;

  constructor(refusal: HttpRefusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

/** Milliseconds that a refused client may go on sending: closing would cut the response off. */
export const linger = 2000;

/** Refuses a plain request. Pages of other origins may read why. */
export function refuseRequest(
  response: ServerResponse,
  refusal: HttpRefusal,
  origins: Origins,
): void {
  const body = refusalBody(refusal);
  const cors = origins.headersFor(response.req.headers.origin);
  response.writeHead(refusal.code, { ...headersOf(refusal, body), ...cors });
  response.end(body);
}

/** Refuses an upgrade: responds on the bare socket and ends it. */
export function refuseUpgrade(
  request: IncomingMessage,
  refusal: HttpRefusal,
  timers: Pick<Timers, 'after'>,
): void {
  const { socket } = request;
  const { head, body } = refusalText(refusal);
  socket.on('error', () => {});
  const timer = timers.after(linger, () => socket.destroy());
  socket.once('close', () => timer.cancel());
  // Further input is read and dropped.
  socket.resume();
  socket.end(request.method === 'HEAD' ? head : head + body);
}

/** The HTTP response for a bare socket. */
export function refusalText(
  refusal: HttpRefusal,
  more: Readonly<Record<string, string>> = {},
): { head: string; body: string } {
  const body = refusalBody(refusal);
  const headers = Object.entries({ ...headersOf(refusal, body), ...more });
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  const status = `HTTP/1.1 ${refusal.code} ${STATUS_CODES[refusal.code] ?? ''}`;
  return { head: [status, ...lines, '', ''].join('\r\n'), body };
}

/** The body, as JSON. */
export function refusalBody({ code, reason, error: message }: HttpRefusal): string {
  return JSON.stringify({ code, reason, error: message && { code, message } });
}

function headersOf(refusal: HttpRefusal, body: string): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    // A response with `Upgrade` has to name it here (RFC 9110, section 7.8).
    Connection: refusal.headers?.Upgrade === undefined ? 'close' : 'Upgrade, close',
    ...refusal.headers,
  };
}
