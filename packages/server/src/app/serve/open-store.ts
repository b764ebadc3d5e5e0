import { join } from 'node:path';
import type { ModelSet } from '../../model/model.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import { systemPlatform } from '../../platform/system.js';
import { openMemoryStore } from '../../store/memory/store.js';
import { openSqliteStore } from '../../store/sqlite/store.js';
import type { Store } from '../../store/store.js';
import { AnswersMissing, StoreRefused, UniqueClash } from '../../store/store-errors.js';
import type { Config } from '../config/config-definition.js';
import { openDataFolder } from '../config/data-folder.js';
import { StartError, systemReason } from '../start-error.js';

/** How a store is opened, and where it reports its health. */
export interface StoreOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Open it even if acknowledged changes may be missing (rule DUR9). */
  readonly force?: boolean | undefined;
}

/** Opens the configured store, prepared for these models. Throws a `StartError` if that fails. */
export async function openStore(
  config: Config,
  models: ModelSet,
  options: StoreOptions,
): Promise<Store> {
  const store = await open(config, options);
  try {
    await store.prepare(models.all().map((model) => model.layout));
    return store;
  } catch (error) {
    await store.close();
    if (error instanceof UniqueClash) throw new StartError([error.message], error, true);
    throw new StartError([`the store cannot serve: ${systemReason(error)}`], error);
  }
}

async function open({ values }: Config, options: StoreOptions): Promise<Store> {
  const { 'limits.history': history, onceWindow, 'limits.once': onceKeep } = values;
  const config = { history, onceWindow, onceKeep };
  switch (values.store) {
    case 'memory':
      return openMemoryStore(config, systemPlatform);
    case 'sqlite':
      for (const warning of openDataFolder(values.data)) options.log.warn({}, warning);
      return await openDatabase(join(values.data, 'really.db'), config, options);
    default:
      return values.store satisfies never;
  }
}

async function openDatabase(
  file: string,
  config: { history: number; onceWindow: number; onceKeep: number },
  { log, metrics, force = false }: StoreOptions,
): Promise<Store> {
  try {
    return await openSqliteStore({ file, force, ...config }, systemPlatform, log, metrics);
  } catch (error) {
    if (error instanceof AnswersMissing) {
      log.error(
        { file, missing: error.missing },
        'changes that may have been answered are missing',
      );
    }
    if (error instanceof StoreRefused) throw new StartError([error.message], error);
    throw new StartError([`the database ${file} cannot be opened: ${systemReason(error)}`], error);
  }
}
