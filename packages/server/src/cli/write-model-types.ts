import { appConfig } from '../app/apps.js';
import { writeWhole } from '../app/draft-file.js';
import { modelTypes } from '../app/model-types.js';
import { StartError, systemReason } from '../app/start-error.js';
import { appFlagOf, configInForce } from './config-flags.js';
import type { Options } from './program.js';
import { type ExitCode, tell } from './report-error.js';

/** `really models types`: the types of the models, on stdout or into a file. */
export async function writeModelTypes(options: Options): Promise<ExitCode> {
  const text = await modelTypes(
    appConfig(configInForce('production', options), appFlagOf(options)),
  );
  const { out } = options;
  if (typeof out !== 'string') {
    process.stdout.write(text);
    return 0;
  }
  try {
    writeWhole(out, text);
  } catch (error) {
    throw new StartError([`${out} can not be written: ${systemReason(error)}`], error);
  }
  tell(`wrote ${out}`);
  return 0;
}
