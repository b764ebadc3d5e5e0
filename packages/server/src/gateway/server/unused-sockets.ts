import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { HttpServer } from './http-server.js';

/**
 * Watches for sockets without a request so far, such as those that browsers open in advance. Node
 * counts them as busy, so a stopping server would wait for them. Returns what closes them.
 */
export function watchUnused(server: HttpServer): () => void {
  const sockets = new Set<Socket>();
  const known = new WeakSet<Socket>();
  const asked = ({ socket }: IncomingMessage) => sockets.delete(socket);
  const closed = function (this: Socket) {
    sockets.delete(this);
  };
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    // A replayed request is on a known socket.
    if (known.has(socket)) return;
    known.add(socket);
    sockets.add(socket);
    socket.on('close', closed);
  });
  server.on('request', asked);
  server.on('checkContinue', asked);
  server.on('upgrade', asked);
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}
