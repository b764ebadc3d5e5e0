import { fail, isId } from '@really/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppDeps } from '../app-deps.js';
import { authorizeAdmin } from './auth/admin-routes.js';
import { restrictToOperators } from './auth/operator.js';
import { sendJson } from './http-responses.js';

const listed = 100;
const maxListed = 1000;

interface DeadLetterPath {
  Params: { id: string };
}

/** Rule POST10: dead letters, for the app's operators. */
export function deadLetterRoutes(app: FastifyInstance, deps: AppDeps): void {
  const { deadLetters } = deps;
  if (!deadLetters) return;
  const authorize = authorizeAdmin(deps);
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    restrictToOperators(reply);
    reply.header('Cache-Control', 'no-store');
    authorize(request);
  };
  app.get('/_dead-letters', { onRequest }, async (request, reply) => {
    const letters = await deadLetters.list(limitOf(request.query));
    const short = letters.map(({ work: _work, records: _records, ...letter }) => letter);
    return sendJson(reply, 200, JSON.stringify({ deadLetters: short }));
  });
  app.get<DeadLetterPath>('/_dead-letters/:id', { onRequest }, async ({ params }, reply) => {
    const letter = await deadLetters.find(idOf(params.id));
    if (!letter) throw fail('object.missing');
    return sendJson(reply, 200, JSON.stringify(letter));
  });
  app.post<DeadLetterPath>(
    '/_dead-letters/:id/replay',
    { onRequest },
    async ({ params }, reply) => {
      if (!(await deadLetters.replay(idOf(params.id)))) throw fail('object.missing');
      return sendJson(reply, 200, '{}');
    },
  );
  app.delete<DeadLetterPath>('/_dead-letters/:id', { onRequest }, async ({ params }, reply) => {
    if (!(await deadLetters.drop(idOf(params.id)))) throw fail('object.missing');
    return reply.code(204).send();
  });
}

function idOf(given: string): string {
  if (!isId(given)) throw fail('object.missing');
  return given;
}

function limitOf(query: unknown): number {
  const given = typeof query === 'object' && query !== null && 'limit' in query ? query.limit : '';
  if (given === '') return listed;
  const limit = typeof given === 'string' && /^\d{1,6}$/.test(given) ? Number(given) : 0;
  if (limit >= 1 && limit <= maxListed) return limit;
  throw fail.invalid('limit', `expected.from.1.to.${maxListed}`);
}
