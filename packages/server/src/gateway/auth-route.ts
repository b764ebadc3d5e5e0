import type { JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { contentTypeOf } from './content-types.js';
import { sendJson } from './http-answers.js';
import { jsonBody } from './json-body.js';
import type { Origins } from './origins.js';
import type { Shape } from './parse-message.js';
import { RefusedRequest, refusals } from './refusal.js';
import { isFromForeignPage, isUnaskedPost } from './web-pages.js';

export interface AuthRoute {
  readonly path: string;
  /** Bytes of a body. */
  readonly largest: number;
  readonly shape: Shape;
  /** Those that the app trusts. */
  readonly origins: Origins;
  /** Runs before the body is read. What it throws is answered. */
  readonly admit?: ((request: FastifyRequest) => void) | undefined;
  /** Resolves with the answer. `body` is `undefined` where none was sent. */
  readonly run: (body: JsonObject | undefined, request: FastifyRequest) => Promise<object>;
}

/** Answers `POST` of a path under `/auth/` with JSON that nobody may keep. A `/` at the end is fine. */
export function authRoute(app: FastifyInstance, route: AuthRoute): void {
  const { path, largest: bodyLimit, shape, origins, admit, run } = route;
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('Cache-Control', 'no-store');
    const { raw } = request;
    if (isFromForeignPage(raw, origins) && isUnaskedPost(raw, contentTypeOf(raw))) {
      throw new RefusedRequest(refusals.notJson);
    }
    admit?.(request);
  };
  for (const url of [path, `${path}/`]) {
    app.post<{ Body: unknown }>(url, { bodyLimit, onRequest }, async (request, reply) => {
      const answer = await run(jsonBody(request.body, shape), request);
      return sendJson(reply, 200, JSON.stringify(answer));
    });
  }
}
