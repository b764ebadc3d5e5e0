import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { objectCommands } from '../../gateway/dispatch/command-set.js';
import { createGateway } from '../../gateway/gateway.js';
import type { DocsPage } from '../../gateway/http/pages/dev-page.js';
import type {
  Gateway,
  GatewayConfig,
  GatewayOptions,
  ServerConfig,
  TlsFiles,
} from '../../gateway/options.js';
import { typesOfModels } from '../../model/typescript/types-of-models.js';
import { Budgets } from '../../platform/budget.js';
import { type Log, silentLog } from '../../platform/log.js';
import { systemPlatform } from '../../platform/system.js';
import { systemCode } from '../../platform/system-reason.js';
import { throttled } from '../../platform/throttled-log.js';
import type { Config } from '../config/config-definition.js';
import type { Values } from '../config/config-keys.js';
import { limitsOf, ratesOf } from '../config/config-limits.js';
import { readNeeded, readText } from '../config/read-text.js';
import { operatorSecretOf } from '../config/secret.js';
import { allStarted, StartError, started, systemReason } from '../start-error.js';
import { writeTypes } from '../types-files.js';
import type { App } from './app.js';
import { openApps } from './open-apps.js';
import { openTracing } from './open-tracing.js';
import { prometheusMetrics } from './prometheus-metrics.js';
import { ShutdownStack } from './shutdown-stack.js';
import { watchModels } from './watch-models.js';

export interface RunningServer {
  /** URL for a browser on this machine: `http://127.0.0.1:9000`. */
  readonly url: string;
  /** Stops: accepts no new connections, finishes commands in flight, sends pushes, and closes everything. */
  close(): Promise<void>;
  /** Reads certificates again, for new connections. If they cannot be read, throws and changes nothing. */
  rereadCertificates(): void;
  /** Reloads the models of every app. The outcome is logged; never rejects. */
  reloadModels(): Promise<void>;
}

export interface ServerStartOptions {
  readonly log?: Log | undefined;
  /** Start even if a database lacks changes that may have been acknowledged (rule DUR9). */
  readonly force?: boolean | undefined;
}

/**
 * Starts a server: the only place where ports get their adapters. Resolves when it can serve. Throws a `StartError`
 * for problems that an operator can fix, with everything closed again.
 */
export async function startServer(
  config: Config,
  options: ServerStartOptions = {},
): Promise<RunningServer> {
  const shutdown = new ShutdownStack();
  try {
    return await open(config, options, shutdown);
  } catch (error) {
    await shutdown.close().catch(() => {});
    throw error;
  }
}

async function open(
  config: Config,
  { log: everyLine = silentLog, force = false }: ServerStartOptions,
  shutdown: ShutdownStack,
): Promise<RunningServer> {
  const { values } = config;
  const platform = systemPlatform;
  const metrics = prometheusMetrics();
  const log = throttled(everyLine, { metrics, clock: platform.clock });
  const tracing = openTracing(log, config.folder);
  // Metrics of no app have an empty label, which Prometheus treats as no label.
  const budgets = new Budgets(config.apps.length > 0 ? metrics.ofApp('') : metrics);
  const [tls, secret, apps] = await allStarted([
    started(() => readTls(values)),
    started(() => (config.apps.length > 0 ? operatorSecretOf(config) : undefined)),
    openApps(config, { platform, log, metrics, tracing, force, shutdown }),
  ]);
  const gateway = await createGateway({
    config: { ...serverConfig(values, tls), secret: secret ?? onlySecret(apps) },
    apps: apps.map(gatewayOptions),
    metrics,
    budgets,
    log,
    platform,
  });
  shutdown.add(() => gateway.close());
  if (config.mode === 'development') await watchAll(apps, shutdown);
  const { url } = await listen(gateway, values);
  for (const app of apps) {
    const models = app.services.models().all().length;
    app.log.info({ mode: config.mode, models, store: app.config.values.store }, 'started');
  }
  return {
    url,
    close: () => shutdown.close(),
    rereadCertificates() {
      const renewed = readTls(values);
      if (renewed !== undefined) gateway.renewTls(renewed);
    },
    async reloadModels() {
      await Promise.all(apps.map(reload));
    },
  };
}

/** Rule REL1. */
async function watchAll(apps: readonly App[], shutdown: ShutdownStack): Promise<void> {
  for (const app of apps) {
    const { config, log, platform } = app;
    writeAppTypes(app);
    const changed = () => void reload(app);
    shutdown.add(await watchModels(config.values.models, changed, { platform, log }));
  }
}

async function reload(app: App): Promise<void> {
  await app.reload();
  writeAppTypes(app);
}

/** Rule CLI9: in development, the types of the current models. That they cannot be written stops nothing. */
function writeAppTypes({ config, services, log }: App): void {
  const { types: file } = config.values;
  if (config.mode !== 'development' || file === false) return;
  try {
    const written = writeTypes(file, typesOfModels(services.models()));
    if (written.length > 0) log.info({ written }, 'wrote the types of the models');
  } catch (error) {
    log.warn({}, `${file} cannot be written: ${systemReason(error)}`);
  }
}

async function listen(gateway: Gateway, { port, host }: Values): Promise<{ url: string }> {
  try {
    return await gateway.listen(port, host);
  } catch (error) {
    throw new StartError(
      [`cannot listen on ${host} port ${port}: ${listenReason(error, port)}`],
      error,
    );
  }
}

function listenReason(error: unknown, port: number): string {
  const code = systemCode(error);
  if (code === 'EADDRINUSE') return 'another program uses that port';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address';
  if (code === 'EACCES' && port < 1024)
    return 'permission denied: a port below 1024 needs a privilege';
  return systemReason(error);
}

/** With a single app, the app's secret is the operator's too. */
function onlySecret([app, ...others]: readonly App[]): string | undefined {
  return others.length === 0 && app?.clientid === undefined ? app?.secret : undefined;
}

function serverConfig(values: Values, tls: TlsFiles | undefined): ServerConfig {
  return {
    domain: values.domain,
    metrics: values.metrics,
    trustProxy: values.trustProxy,
    cors: values.cors,
    keepAlive: values['http.keepAlive'],
    connections: values['limits.connections'],
    outputTotal: values['limits.outputTotal'],
    outputTime: values['limits.outputTime'],
    tls,
  };
}

function gatewayOptions(app: App): GatewayOptions {
  const { services } = app;
  const { live, rooms, models } = services;
  const config = gatewayConfig(app.config, app.secret);
  return { ...app, commands: objectCommands(services), live, rooms, models, config };
}

function gatewayConfig({ values, mode }: Config, secret: string): GatewayConfig {
  return {
    devPage: mode === 'development' ? { docs: readDocs() } : undefined,
    secret,
    idleTimeout: values.idleTimeout,
    initializeTimeout: values.initializeTimeout,
    resumeWindow: values.resumeWindow,
    tokenLifetimes: {
      anonymous: values['auth.life.anonymous'],
      password: values['auth.life.password'],
      oidc: values['auth.life.oidc'],
    },
    trustProxy: values.trustProxy,
    cors: values.cors,
    deflate: values['websocket.deflate'],
    openapi: values.openapi,
    publicDir: values.public,
    rates: ratesOf(values),
    limits: limitsOf(values),
  };
}

/** The documentation pages; the build copies them there. */
function readDocs(): DocsPage[] {
  const folder = fileURLToPath(new URL('../../docs/', import.meta.url));
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.md'));
  return names.sort().map((name) => ({ name, text: readText(join(folder, name)) }));
}

function readTls({ 'tls.cert': cert, 'tls.key': key }: Values): TlsFiles | undefined {
  if (cert === undefined || key === undefined) return undefined;
  const files = { cert: readNeeded(cert), key: readNeeded(key) };
  try {
    createSecureContext(files);
    return files;
  } catch (error) {
    const why = `${cert} and ${key} are not a certificate and its key: ${systemReason(error)}`;
    throw new StartError([why], error, true);
  }
}
