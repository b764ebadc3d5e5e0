import type { IncomingMessage } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { HttpServer } from './http-server.js';

/**
 * Serves a request that offers an unknown upgrade, such as the `h2c` that some clients offer with
 * every request, as if it offered none (RFC 9110, section 7.8). Node has stopped reading by then,
 * so the head without the offer and the bytes after it are put back, and the socket is handed to
 * the server again.
 */
export function replayRequest(server: HttpServer, request: IncomingMessage, head: Buffer): void {
  const { socket } = request;
  socket.unshift(Buffer.concat([headWithoutOffer(request), head]));
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', socket);
}

/** Headers, and tokens of `Connection`, that belong to the offer. */
const ofOffer = new Set(['upgrade', 'http2-settings']);

function headWithoutOffer({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    const kept = name.toLowerCase() === 'connection' ? withoutOffer(value) : value;
    if (!ofOffer.has(name.toLowerCase())) lines.push(`${name}: ${kept}`);
  }
  // Node reads the head as Latin-1.
  return Buffer.from([...lines, '', ''].join('\r\n'), 'latin1');
}

function withoutOffer(connection: string): string {
  const words = connection.split(',').map((word) => word.trim());
  return words.filter((word) => !ofOffer.has(word.toLowerCase())).join(', ');
}
