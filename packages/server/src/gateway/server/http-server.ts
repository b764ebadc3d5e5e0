import * as http from 'node:http';
import * as https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Timers } from '../../platform/platform.js';
import type { HttpOutput } from '../http/http-output.js';
import type { ServerConfig } from '../options.js';
import { awaitContinue } from './expect-continue.js';
import {
  type HttpRefusal,
  linger,
  refusals,
  refusalText,
  refuseRequest,
  refuseUpgrade,
} from './http-refusal.js';
import type { Origins } from './origins.js';

export type HttpServer = http.Server | https.Server;

/** Bytes of a request's head: a target of 64 KiB plus headers (rule HTTP13). */
export const maxHeadBytes = (64 + 16) * 1024;

/** Added to the keep-alive time that clients are promised: a request may be on its way when it ends. */
const slack = 5000;
const usualHead = 10_000;
const longestHead = 120_000;
const usualRequest = 30_000;

/**
 * Timeouts for a keep-alive time, in milliseconds. Node cuts off an unused connection after the head
 * timeout; since load balancers open some in advance, that is as long as the idle time between
 * requests, up to 2 minutes.
 */
export function httpTimeoutsFor(keepAlive: number) {
  const headersTimeout = Math.min(Math.max(usualHead, keepAlive + slack), longestHead);
  return {
    keepAliveTimeout: keepAlive,
    keepAliveTimeoutBuffer: slack,
    headersTimeout,
    requestTimeout: Math.max(usualRequest, headersTimeout),
    connectionsCheckingInterval: 5000,
  };
}

/** Connections beyond those that may become WebSockets: plain requests and refused upgrades. */
const spare = 1000;

export interface HttpServerOptions extends Pick<ServerConfig, 'connections' | 'tls'> {
  readonly origins: Origins;
  readonly timeouts: ReturnType<typeof httpTimeoutsFor>;
  readonly timers: Timers;
  readonly output: Pick<HttpOutput, 'inOrder'>;
}

/** The HTTP server: passes every request to `listener` and answers malformed ones itself. */
export function createHttpServer(
  { connections, tls, origins, timeouts, timers, output }: HttpServerOptions,
  listener: http.RequestListener,
): HttpServer {
  const options = {
    ...timeouts,
    maxHeaderSize: maxHeadBytes,
    // Node would refuse a request without `Host` with an empty response.
    requireHostHeader: false,
  };
  const known = output.inOrder(hostKnown(listener, origins));
  const server = tls
    ? https.createServer({ ...options, ...tls }, known)
    : http.createServer(options, known);
  server.maxConnections = connections + spare;
  server.on('clientError', refuseMalformed(origins, timers));
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    awaitContinue(response);
    known(request, response);
  });
  const refuseExpectation: http.RequestListener = (_request, response) =>
    refuseRequest(response, refusals.expectation, origins);
  server.on('checkExpectation', output.inOrder(refuseExpectation));
  // Without a listener Node would close the connection.
  server.on('connect', (request: http.IncomingMessage) =>
    refuseUpgrade(request, refusals.unknownMethod, timers),
  );
  return server;
}

/** Checks `Host` (RFC 9112, section 3.2). */
function hostKnown(listener: http.RequestListener, origins: Origins): http.RequestListener {
  return (request, response) => {
    const hosts = hostsOf(request);
    if (hosts === 1 || (hosts === 0 && request.httpVersion !== '1.1')) listener(request, response);
    else refuseRequest(response, hosts === 0 ? refusals.noHost : refusals.manyHosts, origins);
  };
}

/** Number of `Host` headers. Node keeps the first, while a proxy in front may have used another. */
function hostsOf({ rawHeaders }: http.IncomingMessage): number {
  return rawHeaders.filter((text, at) => at % 2 === 0 && /^host$/i.test(text)).length;
}

/** A valid request line with an unknown method. */
const requestLine = /^[A-Z]{1,32} \S+ HTTP\/1\.[01]\r\n/i;

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** Makes a listener that answers malformed requests, if the socket can still be written to. */
function refuseMalformed(origins: Origins, timers: Timers) {
  const refused = new WeakSet<Duplex>();
  return (error: ParserError, socket: Duplex): void => {
    // Each further piece of input raises the error again.
    if (refused.has(socket)) return;
    const close = () => socket.destroy();
    if (error.code === 'ECONNRESET' || !socket.writable || isUnused(error, socket)) {
      close();
      return;
    }
    refused.add(socket);
    const packet = error.rawPacket?.toString('latin1') ?? '';
    const cors = origins.headersOfRefusal(/^origin:[ \t]*(\S+)/im.exec(packet)?.[1]);
    const { head, body } = refusalText(malformedRefusal(error, packet), cors);
    const timer = timers.after(linger, close);
    socket.once('close', () => timer.cancel());
    socket.once('end', close);
    socket.end(head + body, socket.readableEnded ? close : undefined);
  };
}

/** Never used: the client would take a response for that to its first request. */
function isUnused({ code }: ParserError, socket: Duplex): boolean {
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket instanceof Socket && socket.bytesRead === 0;
}

function malformedRefusal({ code }: ParserError, packet: string): HttpRefusal {
  if (code === 'HPE_INVALID_METHOD' && requestLine.test(packet)) return refusals.unknownMethod;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusals.tooSlow;
  if (code === 'HPE_HEADER_OVERFLOW') return refusals.headTooLarge;
  return refusals.noHttp;
}
