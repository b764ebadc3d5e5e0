import { relative } from 'node:path';
import { ConfigError } from '../app/config/config.js';
import type { Config } from '../app/config/config-definition.js';
import { modelTypes } from '../app/offline/check-models.js';
import { StartError, systemReason } from '../app/start-error.js';
import { outdatedTypes, writeTypes } from '../app/types-files.js';
import type { ModelTypes } from '../model/typescript/types-of-models.js';
import { appConfigInForce, type ProgramOptions } from './config-flags.js';
import { type ExitCode, printLine } from './report-error.js';

/** `really models types` (rule CLI9): prints the types of the models, writes them to a file, or checks one. */
export async function writeModelTypes(options: ProgramOptions): Promise<ExitCode> {
  const config = appConfigInForce(options);
  const out = typeof options.out === 'string' ? options.out : undefined;
  const checked = options.check === true ? fileToCheck(config, out) : undefined;
  const types = await modelTypes(config);
  if (checked !== undefined) return check(checked, types);
  if (out === undefined) {
    process.stdout.write(types.text);
    return 0;
  }
  const written = withReason(out, 'written', () => writeTypes(out, types));
  printLine(written.length > 0 ? `wrote ${written.join(' and ')}` : `${out} is up to date`);
  return 0;
}

function fileToCheck({ values }: Config, out: string | undefined): string {
  if (out !== undefined) return out;
  if (values.types !== false) return relative(process.cwd(), values.types);
  throw new ConfigError('--check: `types` is off; name the file with --out');
}

function check(file: string, types: ModelTypes): ExitCode {
  const [outdated] = withReason(file, 'read', () => outdatedTypes(file, types));
  if (outdated === undefined) {
    process.stdout.write(`${file} is up to date\n`);
    return 0;
  }
  printLine(`${outdated} is not up to date: run \`really models types --out ${file}\``);
  return 1;
}

function withReason<T>(file: string, done: 'read' | 'written', run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new StartError([`${file} cannot be ${done}: ${systemReason(error)}`], error);
  }
}
