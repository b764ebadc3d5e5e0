import type { IncomingMessage } from 'node:http';

const givenTypes = new WeakMap<Pick<IncomingMessage, 'headers'>, string>();

/** All bodies are JSON, whatever they are said to be (rule HTTP4): for fastify it says so. */
export function forceJsonContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type !== undefined) givenTypes.set(request, type);
  request.headers['content-type'] = 'application/json';
}

/** What the request itself says. */
export function contentTypeOf(request: IncomingMessage): string | undefined {
  return givenTypes.get(request);
}
