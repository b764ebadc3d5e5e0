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
  refusals,
  refusalText,
  refuseRequest,
  refuseUpgrade,
} from './http-refusal.js';
import type { Origins } from './origins.js';

export type HttpServer = http.Server | https.Server;

/** Bytes of a request's head: a target of 64 KiB, and the headers beside it (rule HTTP13). */
export const maxHeadBytes = (64 + 16) * 1024;

/** Milliseconds. */
export interface HttpTimeouts {
  /** For which a connection is kept open between two requests. */
  readonly keepAlive: number;
  /** For which the connection really is kept open beyond what clients are promised: a request may be on its way. */
  readonly keepAliveSlack: number;
  /** That a client may take to send the head of a request, and the whole request. */
  readonly head: number;
  readonly request: number;
  /** Between two looks for clients that are too slow. */
  readonly check: number;
}

const slack = 5000;
const usualHead = 10_000;
const longestHead = 120_000;
const usualRequest = 30_000;

/**
 * A connection on which nothing was asked yet is cut off after the time for a head, and balancers open some in advance:
 * so it lasts as long as one that is idle between two requests, up to 2 minutes.
 */
export function httpTimeoutsFor(keepAlive: number): HttpTimeouts {
  const head = Math.min(Math.max(usualHead, keepAlive + slack), longestHead);
  const request = Math.max(usualRequest, head);
  return { keepAlive, keepAliveSlack: slack, head, request, check: 5000 };
}

/** Connections beyond those that may become WebSockets: plain requests, and upgrades that are refused. */
const spare = 1000;

export interface HttpServerOptions extends Pick<ServerConfig, 'connections' | 'tls'> {
  readonly origins: Origins;
  readonly timeouts: HttpTimeouts;
  readonly timers: Timers;
  readonly output: Pick<HttpOutput, 'inOrder'>;
}

/** The HTTP server: every request goes to `listener`, and what is no HTTP is answered here. */
export function createHttpServer(
  { connections, tls, origins, timeouts, timers, output }: HttpServerOptions,
  listener: http.RequestListener,
): HttpServer {
  const options = {
    headersTimeout: timeouts.head,
    requestTimeout: timeouts.request,
    keepAliveTimeout: timeouts.keepAlive,
    keepAliveTimeoutBuffer: timeouts.keepAliveSlack,
    connectionsCheckingInterval: timeouts.check,
    maxHeaderSize: maxHeadBytes,
    // Node would refuse a request without `Host` by itself, and say nothing.
    requireHostHeader: false,
  };
  const known = output.inOrder(hostKnown(listener, origins));
  const server = tls
    ? https.createServer({ ...options, ...tls }, known)
    : http.createServer(options, known);
  server.maxConnections = connections + spare;
  const garbage = new MalformedRequests(origins, timers);
  server.on('clientError', (error: ParserError, socket) => garbage.refuse(error, socket));
  server.on('checkContinue', (request: http.IncomingMessage, response: http.ServerResponse) => {
    awaitContinue(response);
    known(request, response);
  });
  server.on('checkExpectation', (_request: unknown, response: http.ServerResponse) =>
    refuseRequest(response, refusals.expectation, origins),
  );
  // Without a listener Node would hang up.
  server.on('connect', (request: http.IncomingMessage) =>
    refuseUpgrade(request, refusals.unknownMethod),
  );
  return server;
}

/** RFC 9112, section 3.2. */
function hostKnown(listener: http.RequestListener, origins: Origins): http.RequestListener {
  return (request, response) => {
    const hosts = hostsOf(request);
    if (hosts === 1 || (hosts === 0 && request.httpVersion !== '1.1')) listener(request, response);
    else refuseRequest(response, hosts === 0 ? refusals.noHost : refusals.manyHosts, origins);
  };
}

/** How often a request says `Host`. Node keeps the first, and a proxy in front may have gone by another. */
function hostsOf({ rawHeaders }: http.IncomingMessage): number {
  return rawHeaders.filter((text, at) => at % 2 === 0 && /^host$/i.test(text)).length;
}

/** A line that would be fine if only there were such a method. */
const requestLine = /^[A-Z]{1,32} \S+ HTTP\/1\.[01]\r\n/i;

type ParserError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** Milliseconds for which a refused client may go on sending: to close on it would cut the answer off. */
const linger = 2000;

/** What is no HTTP gets a last answer, where there is anybody to hear it. */
class MalformedRequests {
  readonly #origins: Origins;
  readonly #timers: Timers;
  readonly #refused = new WeakSet<Duplex>();

  constructor(origins: Origins, timers: Timers) {
    this.#origins = origins;
    this.#timers = timers;
  }

  refuse(error: ParserError, socket: Duplex): void {
    // Each further piece of what it sends is an error again.
    if (this.#refused.has(socket)) return;
    if (error.code === 'ECONNRESET' || !socket.writable || isUnused(error, socket)) {
      socket.destroy();
      return;
    }
    this.#refused.add(socket);
    const packet = error.rawPacket?.toString('latin1') ?? '';
    const cors = this.#origins.headersOfRefusal(/^origin:[ \t]*(\S+)/im.exec(packet)?.[1]);
    const { head, body } = refusalText(malformedRefusal(error, packet), cors);
    const close = () => socket.destroy();
    const timer = this.#timers.after(linger, close);
    socket.once('close', () => timer.cancel());
    socket.once('end', close);
    socket.end(head + body, socket.readableEnded ? close : undefined);
  }
}

/** A connection that was opened in advance and never used: an answer would be taken for that to the first request. */
function isUnused({ code }: ParserError, socket: Duplex): boolean {
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket instanceof Socket && socket.bytesRead === 0;
}

function malformedRefusal({ code }: ParserError, packet: string): HttpRefusal {
  if (code === 'HPE_INVALID_METHOD' && requestLine.test(packet)) return refusals.unknownMethod;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return refusals.tooSlow;
  if (code === 'HPE_HEADER_OVERFLOW') return refusals.headTooLarge;
  return refusals.noHttp;
}
