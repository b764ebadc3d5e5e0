import type { JsonObject } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isFromForeignPage, lacksPreflight } from '../../server/foreign-pages.js';
import { RefusedRequest, refusals } from '../../server/http-refusal.js';
import type { Origins } from '../../server/origins.js';
import type { JsonLimits } from '../../websocket/parse-message.js';
import { contentTypeOf } from '../content-types.js';
import { sendJson } from '../http-responses.js';
import { jsonBody } from '../json-body.js';

export interface AuthRoute {
  readonly path: string;
  /** Limit of bytes per body. */
  readonly largest: number;
  readonly jsonLimits: JsonLimits;
  /** The origins that the app trusts. */
  readonly origins: Origins;
  /** Runs before the body is read; an error it throws is sent as the response. */
  readonly authorize?: ((request: FastifyRequest) => void) | undefined;
  /** Resolves with the response. `body` is `undefined` if none was sent. */
  readonly run: (body: JsonObject | undefined, request: FastifyRequest) => Promise<object>;
}

/**
 * Serves `POST` of a path under `/auth/` with JSON that must not be cached. A trailing `/` is
 * allowed.
 */
export function authRoute(app: FastifyInstance, route: AuthRoute): void {
  const { path, largest: bodyLimit, jsonLimits, origins, authorize, run } = route;
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('Cache-Control', 'no-store');
    const { raw } = request;
    if (isFromForeignPage(raw, origins) && lacksPreflight(raw, contentTypeOf(raw))) {
      throw new RefusedRequest(refusals.notJson);
    }
    authorize?.(request);
  };
  for (const url of [path, `${path}/`]) {
    app.post<{ Body: unknown }>(url, { bodyLimit, onRequest }, async (request, reply) => {
      const response = await run(jsonBody(request.body, jsonLimits), request);
      return sendJson(reply, 200, JSON.stringify(response));
    });
  }
}
