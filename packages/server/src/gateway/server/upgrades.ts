import type { IncomingMessage } from 'node:http';
import { type Server, type ServerOptions, WebSocketServer } from 'ws';
import type { AppDeps } from '../app-deps.js';
import { handOver } from '../http/http-output.js';
import { ClientSocket } from '../websocket/client-socket.js';
import { Connection } from '../websocket/connection.js';
import { deflateTerms, takesDeflated } from '../websocket/deflated-frames.js';
import { type HttpRefusal, refusals, refuseUpgrade } from './http-refusal.js';
import { pathKindOf } from './socket-path.js';

/** Milliseconds that a client has to complete a close that the server began. */
const closeTimeout = 5000;

/** A message may have one fragment for each of so many bytes, and some in any case. */
const fragmentBytes = 4096;
const fewFragments = 256;

/** Turns upgrade requests into WebSockets, or refuses them before any upgrade. */
export class Upgrades {
  readonly #deps: AppDeps;
  readonly #server: Server<typeof ClientSocket>;

  constructor(deps: AppDeps) {
    this.#deps = deps;
    const settings: ServerOptions<typeof ClientSocket> & { closeTimeout: number } = {
      noServer: true,
      WebSocket: ClientSocket,
      clientTracking: false,
      // Rule CON7.
      perMessageDeflate: deps.config.deflate && deflateTerms,
      // Pongs go through the socket writer, so that they count as output.
      autoPong: false,
      // A larger message closes with 1009 (rule LIM1).
      maxPayload: deps.limits.message,
      // A message in tiny fragments takes far more memory than its bytes.
      maxBufferedChunks: 8192,
      maxFragments: Math.max(fewFragments, deps.limits.message / fragmentBytes),
      // Invalid UTF-8 is invalid JSON, too, and is answered as such (rule SES7).
      skipUTF8Validation: true,
      closeTimeout,
      // Subprotocols mean nothing here, but browsers close a socket whose offer is not answered.
      handleProtocols: ([first = '']) => first,
    };
    this.#server = new WebSocketServer(settings);
    this.#server.on('wsClientError', (_error, _socket, request) =>
      this.#refuse(request, handshakeRefusal(request)),
    );
  }

  /** Serves an upgrade request for a WebSocket, or any upgrade on the socket's path. */
  handle(request: IncomingMessage, head: Buffer): void {
    const target = pathKindOf(request.url ?? '');
    const wantsWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
    if (target === 'unsupported-version') this.#refuse(request, refusals.unsupportedVersion);
    else if (target === 'other') this.#refuse(request, refusals.notFound);
    else if (!wantsWebSocket) this.#refuse(request, refusals.upgradeRequired);
    else if (this.#deps.draining()) this.#refuse(request, refusals.goingAway);
    else this.#accept(request, head);
  }

  #accept(request: IncomingMessage, head: Buffer): void {
    const { addresses, count, connections, metrics } = this.#deps;
    const address = addresses.of(request);
    if (!count.enter(address)) {
      this.#refuse(request, refusals.tooMany);
      return;
    }
    let open = false;
    this.#server.handleUpgrade(request, request.socket, head, (ws) => {
      open = true;
      const { socket } = request;
      handOver(socket);
      const deflates = takesDeflated(ws, request);
      connections.add(new Connection(this.#deps, { ws, socket, address, deflates }));
      metrics.opened();
    });
    // Without asynchronous checks the handshake has succeeded or failed by now.
    if (!open) count.leave(address);
  }

  #refuse(request: IncomingMessage, refusal: HttpRefusal): void {
    this.#deps.metrics.refused(refusal.code);
    refuseUpgrade(request, refusal, this.#deps.platform.timers);
  }
}

function handshakeRefusal({ method, headers }: IncomingMessage): HttpRefusal {
  if (method !== 'GET') return refusals.method;
  return headers['sec-websocket-version'] === '13'
    ? refusals.badHandshake
    : refusals.webSocketVersion;
}
