import { PassThrough } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MigrationEvent } from '../../migration/migrate-all.js';
import type { AppDeps } from '../app-deps.js';
import { authorizeAdmin } from './auth/admin-routes.js';
import { restrictToOperators } from './auth/operator.js';

/**
 * Rule MIG7: `POST /_migrate`, for the app's operators. The response is a line of JSON for each
 * event as it happens, and `{"kind":"done"}` at the end; without that the migration did not finish.
 * It goes on if the client disconnects.
 */
export function migrationRoute(app: FastifyInstance, deps: AppDeps): void {
  const { migrate, log } = deps;
  if (!migrate) return;
  const authorize = authorizeAdmin(deps);
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    restrictToOperators(reply);
    authorize(request);
  };
  app.post('/_migrate', { onRequest }, (_request, reply) => {
    const output = new PassThrough();
    // The client may have disconnected.
    output.on('error', () => {});
    const report = (event: MigrationEvent | { readonly kind: 'done' }) => {
      if (!output.destroyed) output.write(`${JSON.stringify(event)}\n`);
    };
    migrate(report)
      .then(
        () => report({ kind: 'done' }),
        (err: unknown) => log.error({ err }, 'a migration stopped before its end'),
      )
      .finally(() => output.end());
    reply.header('Cache-Control', 'no-store').type('application/x-ndjson');
    return reply.send(output);
  });
}
