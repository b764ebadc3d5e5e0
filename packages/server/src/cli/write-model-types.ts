import { appConfig } from '../app/config/apps.js';
import { writeWhole } from '../app/offline/draft-file.js';
import { modelTypes } from '../app/offline/model-types.js';
import { StartError, systemReason } from '../app/start-error.js';
import { appFlagOf, configInForce } from './config-flags.js';
import type { ProgramOptions } from './program-options.js';
import { type ExitCode, printLine } from './report-error.js';

/** `really models types`: prints the types of the models, or writes them to a file. */
export async function writeModelTypes(options: ProgramOptions): Promise<ExitCode> {
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
    throw new StartError([`${out} cannot be written: ${systemReason(error)}`], error);
  }
  printLine(`wrote ${out}`);
  return 0;
}
