import { type IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { refusals, refuseUpgrade } from './refusal.js';

/**
 * Answers a request that asks for an upgrade which this server does not know, such as the `h2c` that
 * some clients offer with every request, as if it had not asked (RFC 9110, section 7.8).
 */
export function replayRequest(app: FastifyInstance, request: IncomingMessage): void {
  // Node has stopped reading the request, so one with a body cannot be gone on with.
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    refuseUpgrade(request, refusals.badHandshake);
    return;
  }
  const { socket } = request;
  const response = new ServerResponse(request);
  socket.on('error', () => {});
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on('finish', () => {
    response.detachSocket(socket);
    socket.destroySoon();
  });
  app.routing(request, response);
}
