import { createHash } from 'node:crypto';
import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../../model/model.js';
import type { AppDeps } from '../app-deps.js';
import { isOperator, restrictToOperators } from './auth/operator.js';
import { sendError, sendJson } from './http-responses.js';
import { openApiDocument } from './openapi/document.js';
import { isKnown } from './rest/entity-tags.js';

interface BuiltDocument {
  readonly text: string;
  readonly etag: string;
}

/** Rules OAS1 and OAS2: `/openapi.json` of the current models; `hidden` ones are for operators. */
export function openApiRoute(app: FastifyInstance, deps: AppDeps): void {
  const isPublic = deps.config.openapi === 'public';
  const whole = new WeakMap<ModelSet, BuiltDocument>();
  const withoutHidden = new WeakMap<ModelSet, BuiltDocument>();
  const isServed = (url: string) => app.hasRoute({ method: 'POST', url });
  const documentFor = (operator: boolean): BuiltDocument => {
    const models = deps.models();
    const known = operator ? whole : withoutHidden;
    const built =
      known.get(models) ??
      buildDocument(openApiDocument(models, { withoutHidden: !operator, isServed }));
    known.set(models, built);
    return built;
  };
  app.get('/openapi.json', (request, reply) => {
    const operator = isOperator(request, deps);
    if (operator || !isPublic) restrictToOperators(reply);
    if (!operator && !isPublic) return sendError(reply, fail('forbidden'));
    const { text, etag } = documentFor(operator);
    reply.header('ETag', `"${etag}"`).header('Cache-Control', 'private, no-cache');
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
    return sendJson(reply, 200, text);
  });
}

function buildDocument(document: object): BuiltDocument {
  const text = JSON.stringify(document);
  return { text, etag: createHash('sha256').update(text).digest('base64url').slice(0, 22) };
}
