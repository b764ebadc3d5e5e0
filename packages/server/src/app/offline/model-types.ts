import { typesOfModels } from '../../model/typescript/types-of-models.js';
import { silentLog } from '../../platform/log.js';
import type { Config } from '../config/config-definition.js';
import { openModels } from '../serve/open-models.js';

/** TypeScript types of the models of an app, as the text of a module. Throws a `StartError` with all problems. */
export async function modelTypes(config: Config): Promise<string> {
  const { models, close } = await openModels(config, silentLog);
  await close();
  return typesOfModels(models);
}
