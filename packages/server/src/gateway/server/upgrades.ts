import type { IncomingMessage } from 'node:http';
import { type Server, type ServerOptions, WebSocketServer } from 'ws';
import type { ConnectionCount } from '../limits/connection-count.js';
import { ClientSocket } from '../websocket/client-socket.js';
import { deflateTerms } from '../websocket/deflated-frames.js';
import type { ClientAddresses } from './client-addresses.js';
import { type HttpRefusal, refusals, refuseUpgrade } from './http-refusal.js';
import { pathKindOf } from './socket-path.js';

export interface UpgradesOptions {
  /** Bytes of one message; a larger one closes with 1009 (rule LIM1). */
  readonly message: number;
  /** Compress messages for clients that offer it (rule CON7). */
  readonly deflate: boolean;
  readonly addresses: ClientAddresses;
  readonly count: ConnectionCount;
  /** True while the server shuts down. */
  readonly draining: () => boolean;
  readonly refused: (code: number) => void;
  readonly accepted: (ws: ClientSocket, request: IncomingMessage, address: string) => void;
}

/** Milliseconds that a client has to complete a close that the server began. */
const closeTimeout = 5000;

/** Turns upgrade requests into WebSockets, or refuses them before any upgrade. */
export class Upgrades {
  readonly #options: UpgradesOptions;
  readonly #server: Server<typeof ClientSocket>;

  constructor(options: UpgradesOptions) {
    this.#options = options;
    const settings: ServerOptions<typeof ClientSocket> & { closeTimeout: number } = {
      noServer: true,
      WebSocket: ClientSocket,
      clientTracking: false,
      perMessageDeflate: options.deflate && deflateTerms,
      // Pongs go through the socket writer, so that they count as output.
      autoPong: false,
      maxPayload: options.message,
      // A message in tiny fragments takes far more memory than its bytes.
      maxBufferedChunks: 8192,
      maxFragments: 4096,
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
    else if (this.#options.draining()) this.#refuse(request, refusals.goingAway);
    else this.#accept(request, head);
  }

  #accept(request: IncomingMessage, head: Buffer): void {
    const { addresses, count, accepted } = this.#options;
    const address = addresses.of(request);
    if (!count.enter(address)) {
      this.#refuse(request, refusals.tooMany);
      return;
    }
    let open = false;
    this.#server.handleUpgrade(request, request.socket, head, (ws) => {
      open = true;
      accepted(ws, request, address);
    });
    // Without asynchronous checks the handshake has succeeded or failed by now.
    if (!open) count.leave(address);
  }

  #refuse(request: IncomingMessage, refusal: HttpRefusal): void {
    this.#options.refused(refusal.code);
    refuseUpgrade(request, refusal);
  }
}

function handshakeRefusal({ method, headers }: IncomingMessage): HttpRefusal {
  if (method !== 'GET') return refusals.method;
  return headers['sec-websocket-version'] === '13'
    ? refusals.badHandshake
    : refusals.webSocketVersion;
}
