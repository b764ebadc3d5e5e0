import { createHash } from 'node:crypto';
import { fail } from '@really/protocol';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../model/model.js';
import { isKnown } from './entity-tags.js';
import { sendError, sendJson } from './http-answers.js';
import { forOperators, isOperator, type OperatorOptions } from './http-operator.js';
import { openApiDocument } from './openapi/document.js';

export interface OpenApiRouteOptions extends OperatorOptions {
  /** The models that are in force now. */
  readonly models: () => ModelSet;
  /** Whether everybody may read it; what `hidden` models hold is for operators even then. */
  readonly public: boolean;
}

interface Made {
  readonly text: string;
  readonly etag: string;
}

/** Rule OAS1 and OAS2: `/openapi.json`, made anew where the models are others. */
export function openApiRoute(app: FastifyInstance, options: OpenApiRouteOptions): void {
  const whole = new WeakMap<ModelSet, Made>();
  const withoutHidden = new WeakMap<ModelSet, Made>();
  const isServed = (url: string) => app.hasRoute({ method: 'POST', url });
  const documentFor = (operator: boolean): Made => {
    const models = options.models();
    const known = operator ? whole : withoutHidden;
    const made =
      known.get(models) ?? make(openApiDocument(models, { withoutHidden: !operator, isServed }));
    known.set(models, made);
    return made;
  };
  app.get('/openapi.json', (request, reply) => {
    const operator = isOperator(request, options);
    if (operator || !options.public) forOperators(reply);
    if (!operator && !options.public) return sendError(reply, fail('forbidden'));
    const { text, etag } = documentFor(operator);
    reply.header('ETag', `"${etag}"`).header('Cache-Control', 'private, no-cache');
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
    return sendJson(reply, 200, text);
  });
}

function make(document: object): Made {
  const text = JSON.stringify(document);
  return { text, etag: createHash('sha256').update(text).digest('base64url').slice(0, 22) };
}
