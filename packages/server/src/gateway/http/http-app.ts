import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app-deps.js';
import { authRoutes } from './auth/auth-routes.js';
import { deadLetterRoutes } from './dead-letter-routes.js';
import { httpBase } from './http-base.js';
import { migrationRoute } from './migration-route.js';
import { openApiRoute } from './openapi-route.js';
import { devPageRoutes } from './pages/dev-page.js';
import { isServedFile, servePublicFiles } from './pages/public-files.js';
import { readBody } from './request-body.js';
import { restRoutes } from './rest/rest-routes.js';
import type { EventStreams } from './sse/event-streams.js';

/** Builds the HTTP routes of one app. */
export async function buildHttpApp(deps: AppDeps, streams: EventStreams): Promise<FastifyInstance> {
  const { config, log, platform } = deps;
  const { cors, publicDir: root, devPage } = config;
  const app = await httpBase({
    ...{ cors, log, platform, addresses: deps.addresses },
    readBody: (request, payload) => readBody(deps, request, payload),
    isFile: async (path) => root !== undefined && (await isServedFile(path, root)),
  });
  openApiRoute(app, deps);
  authRoutes(app, deps);
  deadLetterRoutes(app, deps);
  migrationRoute(app, deps);
  restRoutes(app, deps, streams);
  if (root !== undefined) {
    await app.register(async (scope) => await servePublicFiles(scope, root));
  } else if (devPage) {
    devPageRoutes(app, { ...deps, docs: devPage.docs });
  }
  await app.ready();
  return app;
}
