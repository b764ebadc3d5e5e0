import { printedCollection } from '@really/protocol';
import type { Model } from '../../model/model.js';
import { type ModelTypes, typesOfModels } from '../../model/typescript/types-of-models.js';
import { type Log, silentLog } from '../../platform/log.js';
import type { Config } from '../config/config-definition.js';
import { namedProblems } from '../serve/open-apps.js';
import { openModels } from '../serve/open-models.js';
import { allStarted } from '../start-error.js';

export interface ModelsChecked {
  /** With several apps. */
  readonly clientid: string | undefined;
  /** Collections, printed: `/boards/*`. */
  readonly collections: readonly string[];
  readonly warnings: readonly string[];
  readonly models: readonly Model[];
}

/** Loads all models of these apps as a server would. Throws a `StartError` with all problems. */
export function checkModels(
  configs: readonly Config[],
  log: Log = silentLog,
): Promise<ModelsChecked[]> {
  return allStarted(configs.map((config) => checkOne(config, log)));
}

async function checkOne(config: Config, log: Log): Promise<ModelsChecked> {
  const { clientid } = config;
  const { models, close, warnings } = await openModels(config, log).catch((error: unknown) => {
    throw namedProblems(error, clientid);
  });
  await close();
  const collections = models.all().map(({ names }) => printedCollection(names));
  return { clientid, collections, warnings, models: models.all() };
}

/** TypeScript types of the models of an app. Throws a `StartError` with all problems. */
export async function modelTypes(config: Config): Promise<ModelTypes> {
  const { models, close } = await openModels(config, silentLog);
  await close();
  return typesOfModels(models);
}
