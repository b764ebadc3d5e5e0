import { existsSync } from 'node:fs';
import { type MigrationEvent, migrateAll } from '../../migration/migrate-all.js';
import { Migrations } from '../../migration/migrations.js';
import { type Log, silentLog } from '../../platform/log.js';
import { noMetrics } from '../../platform/metrics.js';
import { systemPlatform } from '../../platform/system.js';
import type { Config } from '../config/config-definition.js';
import { openModels } from '../serve/open-models.js';
import { openStore } from '../serve/open-store.js';
import { StartError } from '../start-error.js';
import { databaseOf } from './offline-database.js';

/**
 * Migrates every object of an app that no server has open. Throws a `StartError` if its models do not load or its
 * store cannot be opened; the cause is a `StoreInUse` if a server has it open.
 */
export async function migrateApp(
  config: Config,
  report: (event: MigrationEvent) => void,
  log: Log = silentLog,
): Promise<void> {
  const file = databaseOf(config);
  // Opening it would create one.
  if (!existsSync(file)) throw new StartError([`there is no database at ${file}`]);
  const opened = await openModels(config, log);
  try {
    const { models } = opened;
    const store = await openStore(config, models, { log, metrics: noMetrics });
    try {
      const parts = { store, models: () => models, platform: systemPlatform, log };
      await migrateAll({ models, store, migrations: new Migrations(parts) }, report);
    } finally {
      await store.close();
    }
  } finally {
    await opened.close();
  }
}
