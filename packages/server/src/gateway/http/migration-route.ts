import { PassThrough } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MigrationEvent } from '../../migration/migrate-all.js';
import type { Log } from '../../platform/log.js';
import { restrictToOperators } from './auth/operator.js';

export interface MigrationRouteOptions {
  /** Migrates every object of the app. */
  readonly migrate: (report: (event: MigrationEvent) => void) => Promise<void>;
  /** Throws where the request has not the app's secret. */
  readonly authorize: (request: FastifyRequest) => void;
  readonly log: Log;
}

/**
 * Rule MIG7: `POST /_migrate`, for the app's operators. The answer is what happens as it happens, a line of JSON for each
 * event, and `{"kind":"done"}` in the end; without that it was not finished. It goes on when nobody listens any more.
 */
export function migrationRoute(app: FastifyInstance, options: MigrationRouteOptions): void {
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    restrictToOperators(reply);
    options.authorize(request);
  };
  app.post('/_migrate', { onRequest }, (_request, reply) => {
    const lines = new PassThrough();
    // Whoever asked may be gone.
    lines.on('error', () => {});
    const report = (event: MigrationEvent | { readonly kind: 'done' }) => {
      if (!lines.destroyed) lines.write(`${JSON.stringify(event)}\n`);
    };
    options.migrate(report).then(
      () => {
        report({ kind: 'done' });
        lines.end();
      },
      (err: unknown) => {
        options.log.error({ err }, 'a migration stopped before its end');
        lines.end();
      },
    );
    reply.header('Cache-Control', 'no-store').type('application/x-ndjson');
    return reply.send(lines);
  });
}
