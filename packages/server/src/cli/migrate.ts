import type { Config } from '../app/config/config-definition.js';
import { operatorAccess } from '../app/config/operator-access.js';
import { appConfigs } from '../app/config/selected-apps.js';
import { migrateApp } from '../app/offline/migrate-app.js';
import { StartError } from '../app/start-error.js';
import type { MigrationEvent } from '../migration/migrate-all.js';
import { StoreInUse } from '../store/store-errors.js';
import { appFlagOf, configInForce, type ProgramOptions } from './config-flags.js';
import { migrateOnServer } from './migrate-on-server.js';
import { MigrationReport } from './migration-report.js';
import { openProgress } from './progress.js';
import type { ExitCode } from './report-error.js';

/**
 * `really migrate` (rule MIG7): migrates every object of the app, or of each of several. If a server has the data
 * open, it is asked to do it, with its current models.
 */
export async function migrate(options: ProgramOptions): Promise<ExitCode> {
  // Any configured secret will do: `start` checks whether it is fit for production.
  const server = configInForce('development', options);
  let failed = 0;
  for (const config of appConfigs(server, appFlagOf(options))) {
    const report = new MigrationReport(config.clientid, openProgress());
    try {
      await migrateOne(server, config, report.report);
      report.done();
    } finally {
      report.end();
    }
    failed += report.failed;
  }
  return failed > 0 ? 1 : 0;
}

async function migrateOne(
  server: Config,
  config: Config,
  report: (event: MigrationEvent) => void,
): Promise<void> {
  try {
    await migrateApp(config, report);
  } catch (error) {
    const isServed = error instanceof StartError && error.cause instanceof StoreInUse;
    if (!isServed) throw error;
    const access = operatorAccess(server, { app: config.clientid, secret: undefined });
    await migrateOnServer(access, report);
  }
}
