import { appConfigs } from '../app/config/selected-apps.js';
import { checkModels, type ModelsChecked } from '../app/offline/check-models.js';
import { appFlagOf, configInForce, type ProgramOptions } from './config-flags.js';
import { explainModels } from './explain-models.js';
import { type ExitCode, printLine } from './report-error.js';

/**
 * `really models check` (rule CLI3): one line for the models of each app, or one line per problem. With `--strict`
 * warnings are problems; `--explain` prints how rules are evaluated.
 */
export async function reportModels(options: ProgramOptions): Promise<ExitCode> {
  const configs = appConfigs(configInForce('production', options), appFlagOf(options));
  const isStrict = options.strict === true;
  const checked = await checkModels(configs);
  for (const result of checked) {
    report(result, isStrict);
    if (options.explain === true) process.stdout.write(`${explainModels(result.models)}\n`);
  }
  return isStrict && checked.some(({ warnings }) => warnings.length > 0) ? 1 : 0;
}

function report({ clientid, collections, warnings }: ModelsChecked, isStrict: boolean): void {
  const name = clientid === undefined ? '' : `${clientid}: `;
  for (const warning of warnings) printLine(`${name}${warning}`);
  // The warnings were printed already.
  if (collections.length === 0 || (isStrict && warnings.length > 0)) return;
  const count = collections.length === 1 ? '1 model is' : `${collections.length} models are`;
  process.stdout.write(`${name}${count} fine: ${collections.join(', ')}\n`);
}
