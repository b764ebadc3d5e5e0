import { checkModels } from '../app/check-models.js';
import { configInForce } from './config-flags.js';
import type { Options } from './program.js';
import { type ExitCode, tell } from './report-error.js';

/** `really models check` (rule CLI3): one line about the models, or one for each thing that is wrong. */
export async function reportModels(options: Options): Promise<ExitCode> {
  const { collections, warnings } = await checkModels(configInForce('production', options));
  for (const warning of warnings) tell(warning);
  const count = collections.length === 1 ? '1 model is' : `${collections.length} models are`;
  process.stdout.write(`${count} fine: ${collections.join(', ')}\n`);
  return 0;
}
