import { PassThrough } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MigrationEvent } from '../../migration/migrate-all.js';
import type { Log } from '../../platform/log.js';
import { restrictToOperators } from './auth/operator.js';

export interface MigrationRouteOptions {
  /** Migrates every object of the app. */
  readonly migrate: (report: (event: MigrationEvent) => void) => Promise<void>;
  /** Throws unless the request has the app's secret. */
  readonly authorize: (request: FastifyRequest) => void;
  readonly log: Log;
}

/**
 * Rule MIG7: `POST /_migrate`, for the app's operators. The response is a line of JSON for each
 * event as it happens, and `{"kind":"done"}` at the end; without that the migration did not finish.
 * It goes on if the client disconnects.
 */
export function migrationRoute(app: FastifyInstance, options: MigrationRouteOptions): void {
  const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
    restrictToOperators(reply);
    options.authorize(request);
  };
  app.post('/_migrate', { onRequest }, (_request, reply) => {
    const output = new PassThrough();
    // The client may have disconnected.
    output.on('error', () => {});
    const report = (event: MigrationEvent | { readonly kind: 'done' }) => {
      if (!output.destroyed) output.write(`${JSON.stringify(event)}\n`);
    };
    options.migrate(report).then(
      () => {
        report({ kind: 'done' });
        output.end();
      },
      (err: unknown) => {
        options.log.error({ err }, 'a migration stopped before its end');
        output.end();
      },
    );
    reply.header('Cache-Control', 'no-store').type('application/x-ndjson');
    return reply.send(output);
  });
}
