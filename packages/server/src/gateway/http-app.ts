import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { ModelSet } from '../model/model.js';
import type { ClientAddresses } from './client-address.js';
import { devPageRoutes } from './dev-page.js';
import { type AccountRoutesOptions, accountRoutes } from './http-accounts.js';
import { type AuthRoutesOptions, authRoutes } from './http-auth.js';
import { admitApp } from './http-auth-app.js';
import { httpBase } from './http-base.js';
import type { Bodies } from './http-body.js';
import { deadLetterRoutes } from './http-dead-letters.js';
import { migrationRoute } from './http-migrations.js';
import { openApiRoute } from './http-openapi.js';
import type { GatewayOptions } from './options.js';
import { isPublicFile, isServedFile } from './public-files.js';
import { type RestRoutesOptions, restRoutes } from './rest-routes.js';

export interface HttpAppOptions {
  readonly gateway: Pick<GatewayOptions, 'config' | 'log' | 'platform' | 'deadLetters' | 'migrate'>;
  readonly auth: AuthRoutesOptions;
  /** Missing where the app has no accounts. */
  readonly accounts?: AccountRoutesOptions | undefined;
  readonly rest: RestRoutesOptions;
  readonly addresses: ClientAddresses;
  readonly bodies: Bodies;
  readonly models: () => ModelSet;
}

/** The HTTP side of one app. */
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
  const admit = admitApp(options.auth);
  if (deadLetters) deadLetterRoutes(app, { deadLetters, admit });
  if (migrate) migrationRoute(app, { migrate, admit, log });
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
