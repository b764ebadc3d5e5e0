import { HashLimiter } from '../../accounts/passwords/hash-limiter.js';
import type { Config } from '../config/config-definition.js';
import { appConfigs } from '../config/selected-apps.js';
import { allStarted, StartError } from '../start-error.js';
import { type App, type AppOptions, openApp } from './app.js';
import type { ServerMetrics } from './prometheus-metrics.js';
import { ShutdownStack } from './shutdown-stack.js';

export interface AppsOptions extends Omit<AppOptions, 'serverHashes'> {
  readonly metrics: ServerMetrics;
}

/**
 * Opens all apps of a server concurrently. Throws a `StartError` with the problems of all: a server runs with all of
 * its apps or not at all.
 */
export function openApps(config: Config, options: AppsOptions): Promise<App[]> {
  const opened: ShutdownStack[] = [];
  options.shutdown.add(async () => {
    await Promise.all(opened.map((app) => app.close()));
  });
  const serverHashes = new HashLimiter({
    concurrency: config.values['limits.concurrentHashes'],
    // As many as the apps allow.
    maxWaiting: Number.POSITIVE_INFINITY,
    platform: options.platform,
  });
  return allStarted(
    appConfigs(config).map((appConfig) => {
      const shutdown = new ShutdownStack();
      opened.push(shutdown);
      return openOne(appConfig, { ...options, serverHashes, shutdown });
    }),
  );
}

/** With several apps, adds the clientid to log lines, metrics and problems. */
async function openOne(
  config: Config,
  options: AppsOptions & Pick<AppOptions, 'serverHashes'>,
): Promise<App> {
  const { clientid } = config;
  if (clientid === undefined) return await openApp(config, options);
  const log = options.log.child({ app: clientid });
  const metrics = options.metrics.ofApp(clientid);
  return await openApp(config, { ...options, log, metrics }).catch((error: unknown) => {
    throw namedProblems(error, clientid);
  });
}

/** The same problems, each with its app; without one, the same error. */
export function namedProblems(error: unknown, clientid: string | undefined): unknown {
  if (!(error instanceof StartError) || clientid === undefined) return error;
  return new StartError(
    error.problems.map((problem) => `${clientid}: ${problem}`),
    error,
  );
}
