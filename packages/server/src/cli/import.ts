import { ConfigError } from '../app/config/config.js';
import { importApp } from '../app/offline/import-app.js';
import { quantity } from '../platform/quantity.js';
import type { Imported } from '../transfer/import-store.js';
import { appConfigInForce, type ProgramOptions } from './config-flags.js';
import { openProgress } from './progress.js';
import { type ExitCode, printLine } from './report-error.js';

/** `really import FILE`: imports the file of an export. */
export async function runImport(file: string, options: ProgramOptions): Promise<ExitCode> {
  const config = appConfigInForce(options);
  const skip = options.skipExisting === true;
  const replace = options.replace === true;
  if (skip && replace) {
    throw new ConfigError(['--skip-existing and --replace exclude each other']);
  }
  const imported = await importApp(config, {
    source: file === '-' ? process.stdin : file,
    onConflict: skip ? 'skip' : replace ? 'replace' : 'refuse',
    progress: openProgress(),
  });
  report(imported);
  return 0;
}

function report(imported: Imported): void {
  const { written, same, skipped, replaced, missing, missingCount } = imported;
  const counted = [
    [same, 'were there already'],
    [skipped, 'were there with other content and stayed'],
    [replaced, 'of them replaced others'],
  ] as const;
  const rest = counted
    .filter(([count]) => count > 0)
    .map(([count, what]) => `; ${count.toLocaleString('en')} ${what}`);
  printLine(`imported ${quantity(written, 'object')}${rest.join('')}`);
  for (const line of missing) printLine(`missing: ${line}`);
  if (missingCount > missing.length) {
    printLine(
      `missing: ${(missingCount - missing.length).toLocaleString('en')} more objects, at least`,
    );
  }
  for (const line of imported.unfit) printLine(`kept as it is: ${line}`);
  if (imported.unfitCount > 0) {
    printLine(
      `objects that the models as they are now would refuse: ${imported.unfitCount.toLocaleString('en')}`,
    );
  }
}
