import * as http from 'node:http';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import type { ServerConfig } from './options.js';
import { type Refusal, refusals, refuseRequest } from './refusal.js';

export type HttpServer = http.Server | https.Server;

/** Milliseconds. A client that is slower than this to say what it wants is not waited for. */
const usualPatience = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 5000,
};

/** Connections beyond those that may become WebSockets: plain requests, and upgrades that are refused. */
const spare = 1000;

/** The HTTP server: every request goes to `listener`, and what is no HTTP is answered here. */
export function createHttpServer(
  { connections, tls }: Pick<ServerConfig, 'connections' | 'tls'>,
  listener: http.RequestListener,
  patience = usualPatience,
): HttpServer {
  // Node would refuse a request without `Host` by itself, and say nothing.
  const options = { ...patience, requireHostHeader: false };
  const server = tls
    ? https.createServer({ ...options, ...tls }, hostKnown(listener))
    : http.createServer(options, hostKnown(listener));
  server.maxConnections = connections + spare;
  server.on('clientError', refuseGarbage);
  server.on('checkExpectation', (_request: unknown, response: http.ServerResponse) =>
    refuseRequest(response, refusals.expectation),
  );
  return server;
}

/** RFC 9112, section 3.2. */
function hostKnown(listener: http.RequestListener): http.RequestListener {
  return (request, response) => {
    if (request.headers.host !== undefined || request.httpVersion !== '1.1') {
      listener(request, response);
    } else refuseRequest(response, refusals.noHost);
  };
}

/** A line that would be fine if only there were such a method. */
const requestLine = /^[A-Z]{1,32} \S+ HTTP\/1\.[01]\r\n/i;

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** What is no HTTP gets a last answer, where there is anybody to hear it. */
function refuseGarbage(error: ParserError, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { code, reason, headers } = garbageRefusal(error);
  const body = JSON.stringify({ code, reason });
  const lines = Object.entries({
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
    Connection: 'close',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  const status = `HTTP/1.1 ${code} ${http.STATUS_CODES[code] ?? ''}`;
  socket.end([status, ...lines, '', body].join('\r\n'), () => socket.destroy());
}

function garbageRefusal({ code, rawPacket }: ParserError): Refusal {
  if (code === 'HPE_INVALID_METHOD' && requestLine.test(rawPacket?.toString('latin1') ?? '')) {
    return refusals.unknownMethod;
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { code: 408, reason: 'the request took too long' };
  if (code === 'HPE_HEADER_OVERFLOW') return { code: 431, reason: 'the headers are too large' };
  return { code: 400, reason: 'the request is no HTTP' };
}
