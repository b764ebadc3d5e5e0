import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';

/** A refusal in the form that the socket's path answers with: `{"code":…,"reason":…}` (rules CON2, CON3). */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export const refusals = {
  unsupportedVersion: { code: 400, reason: 'protocol version is not supported' },
  noHost: { code: 400, reason: 'a request names its host' },
  expectation: { code: 417, reason: 'of what can be expected there is only 100-continue' },
  badHandshake: { code: 400, reason: 'the request is no WebSocket handshake' },
  unknownApp: { code: 404, reason: 'there is no such app' },
  notFound: { code: 404, reason: 'there is nothing here' },
  method: {
    code: 405,
    reason: 'a WebSocket handshake is a GET',
    headers: { Allow: 'GET' },
  },
  unknownMethod: {
    code: 405,
    reason: 'there is no such method',
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
  tooMany: {
    code: 503,
    reason: 'too many connections',
    headers: { 'Retry-After': '1' },
  },
  goingAway: {
    code: 503,
    reason: 'the server is shutting down',
    headers: { 'Retry-After': '1' },
  },
} as const satisfies Record<string, Refusal>;

/** Milliseconds for which a refused client may keep its side open. */
const linger = 2000;

/** Refuses a plain request. */
export function refuseRequest(response: ServerResponse, refusal: Refusal): void {
  const body = bodyOf(refusal);
  response.writeHead(refusal.code, headersOf(refusal, body));
  response.end(body);
}

/** Refuses an upgrade: answers on the bare socket and ends it. */
export function refuseUpgrade(request: IncomingMessage, refusal: Refusal): void {
  const { socket } = request;
  const body = bodyOf(refusal);
  const lines = Object.entries(headersOf(refusal, body)).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const status = `HTTP/1.1 ${refusal.code} ${STATUS_CODES[refusal.code] ?? ''}`;
  socket.on('error', ignore);
  socket.setTimeout(linger, () => socket.destroy());
  // What the client sent meanwhile is read and dropped: to close on it would cut the answer off.
  socket.resume();
  const text = [status, ...lines, '', ''].join('\r\n');
  socket.end(request.method === 'HEAD' ? text : text + body);
}

function bodyOf({ code, reason }: Refusal): string {
  return JSON.stringify({ code, reason });
}

function headersOf(refusal: Refusal, body: string): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: connectionOf(refusal),
    ...refusal.headers,
  };
}

/** Who sends `Upgrade` names it in `Connection` (RFC 9110, section 7.8). */
function connectionOf(refusal: Refusal): string {
  return refusal.headers && 'Upgrade' in refusal.headers ? 'Upgrade, close' : 'close';
}

function ignore(): void {}
