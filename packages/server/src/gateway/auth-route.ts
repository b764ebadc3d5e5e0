import type { JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendJson } from './http-answers.js';
import { jsonBody } from './json-body.js';
import type { Shape } from './parse-message.js';

export interface AuthRoute {
  readonly path: string;
  /** Bytes of a body. */
  readonly largest: number;
  readonly shape: Shape;
  /** Runs before the body is read. What it throws is answered. */
  readonly admit?: ((request: FastifyRequest) => void) | undefined;
  /** Resolves with the answer. `body` is `undefined` where none was sent. */
  readonly run: (body: JsonObject | undefined, request: FastifyRequest) => Promise<object>;
}

/** Answers `POST` of a path under `/auth/` with JSON that nobody may keep. A `/` at the end is fine. */
export function authRoute(app: FastifyInstance, route: AuthRoute): void {
  const { path, largest: bodyLimit, shape, admit, run } = route;
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('Cache-Control', 'no-store');
    admit?.(request);
  };
  for (const url of [path, `${path}/`]) {
    app.post<{ Body: unknown }>(url, { bodyLimit, onRequest }, async (request, reply) => {
      const answer = await run(jsonBody(request.body, shape), request);
      return sendJson(reply, 200, JSON.stringify(answer));
    });
  }
}
