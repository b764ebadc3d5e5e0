import type { Log } from '../platform/log.js';
import { silentLog } from '../platform/log.js';
import type { Config } from './config.js';
import { openModels } from './open-models.js';

export interface ModelsChecked {
  /** Collections, printed: `/boards/*`. */
  readonly collections: readonly string[];
  readonly warnings: readonly string[];
}

/** Loads every model as a server would. Throws a `StartError` with everything that is wrong. */
export async function checkModels(config: Config, log: Log = silentLog): Promise<ModelsChecked> {
  const { models, close, warnings } = await openModels(config, log);
  await close();
  const collections = models.all().map(({ names }) => names.map((name) => `/${name}/*`).join(''));
  return { collections, warnings };
}
