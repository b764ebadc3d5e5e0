import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../../model/model.js';
import type { GatewayOptions } from '../options.js';
import type { ClientAddresses } from '../server/client-addresses.js';
import { type AccountRoutesOptions, accountRoutes } from './auth/account-routes.js';
import { authorizeAdmin } from './auth/admin-routes.js';
import { authRoutes } from './auth/auth-routes.js';
import type { AuthRoutesOptions } from './auth/auth-routes-options.js';
import { deadLetterRoutes } from './dead-letter-routes.js';
import { httpBase } from './http-base.js';
import { migrationRoute } from './migration-route.js';
import { openApiRoute } from './openapi-route.js';
import { devPageRoutes } from './pages/dev-page.js';
import { isPublicFile, isServedFile } from './pages/public-files.js';
import type { RequestBodies } from './request-bodies.js';
import { type RestRoutesOptions, restRoutes } from './rest/rest-routes.js';

export interface HttpAppOptions {
  readonly gateway: Pick<GatewayOptions, 'config' | 'log' | 'platform' | 'deadLetters' | 'migrate'>;
  readonly auth: AuthRoutesOptions;
  /** `undefined` if the app has no accounts. */
  readonly accounts?: AccountRoutesOptions | undefined;
  readonly rest: RestRoutesOptions;
  readonly addresses: ClientAddresses;
  readonly bodies: RequestBodies;
  readonly models: () => ModelSet;
}

/** Builds the HTTP app of one app. */
export async function buildHttpApp(options: HttpAppOptions): Promise<FastifyInstance> {
  const { config, log, platform, deadLetters, migrate } = options.gateway;
  const { cors, publicDir: root } = config;
  const app = await httpBase({
    ...{ cors, log, platform, bodies: options.bodies },
    isFile: (path) => root !== undefined && isServedFile(path, root),
  });
  openApiRoute(app, {
    models: options.models,
    public: config.openapi === 'public',
    secret: config.secret,
    addresses: options.addresses,
  });
  authRoutes(app, options.auth);
  if (options.accounts) accountRoutes(app, options.accounts);
  const authorize = authorizeAdmin(options.auth);
  if (deadLetters) deadLetterRoutes(app, { deadLetters, authorize });
  if (migrate) migrationRoute(app, { migrate, authorize, log });
  restRoutes(app, options.rest);
  if (root !== undefined) {
    await app.register(files, { root, allowedPath: (path) => isPublicFile(path, root) });
  } else if (config.devPage) {
    const { models, addresses, auth } = options;
    const { docs } = config.devPage;
    devPageRoutes(app, { models, addresses, tokens: auth.tokens, platform, docs });
  }
  await app.ready();
  return app;
}
