import type { IncomingMessage } from 'node:http';

const givenTypes = new WeakMap<Pick<IncomingMessage, 'headers'>, string>();

/** All bodies are JSON, whatever their Content-Type (rule HTTP4): makes fastify treat them so. */
export function forceJsonContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type !== undefined) givenTypes.set(request, type);
  request.headers['content-type'] = 'application/json';
}

/** The Content-Type that the request declares. */
export function contentTypeOf(request: IncomingMessage): string | undefined {
  return givenTypes.get(request);
}
