import type { JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppDeps } from '../../app-deps.js';
import { isFromForeignPage, lacksPreflight } from '../../server/foreign-pages.js';
import { RefusedRequest, refusals } from '../../server/http-refusal.js';
import { sendJson } from '../http-responses.js';
import { contentTypeOf, parsedBody } from '../request-body.js';

export interface AuthRoute {
  readonly path: string;
  /** Limit of bytes per body. */
  readonly largest: number;
  /** Runs before the body is read; an error it throws is sent as the response. */
  readonly authorize?: ((request: FastifyRequest) => void) | undefined;
  /** Resolves with the response. `body` is `undefined` if none was sent. */
  readonly run: (body: JsonObject | undefined, request: FastifyRequest) => Promise<object>;
}

/** Serves `POST` of a path, also with a `/` after it, with JSON that must not be cached. */
export function authRoute(app: FastifyInstance, deps: AppDeps, route: AuthRoute): void {
  const { path, largest: bodyLimit, authorize, run } = route;
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('Cache-Control', 'no-store');
    const { raw } = request;
    if (isFromForeignPage(raw, deps.origins) && lacksPreflight(raw, contentTypeOf(raw))) {
      throw new RefusedRequest(refusals.notJson);
    }
    authorize?.(request);
  };
  for (const url of [path, `${path}/`]) {
    app.post<{ Body: unknown }>(url, { bodyLimit, onRequest }, async (request, reply) => {
      const body = await parsedBody(request.body, deps, request);
      const response = await run(body?.message, request);
      return sendJson(reply, 200, JSON.stringify(response));
    });
  }
}
