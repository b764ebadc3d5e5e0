import { backUpApp } from '../app/offline/back-up-app.js';
import { quantity } from '../platform/quantity.js';
import { appConfigInForce, type ProgramOptions } from './config-flags.js';
import { openProgress } from './progress.js';
import { type ExitCode, printLine } from './report-error.js';

/** `really backup FILE`: a copy of the database that a server can be started on. */
export async function runBackup(file: string, options: ProgramOptions): Promise<ExitCode> {
  const config = appConfigInForce(options);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => stop.abort(`it was stopped by ${signal}`));
  }
  const { position, objects, changes } = await backUpApp(config, {
    file,
    force: options.force === true,
    progress: openProgress(),
    signal: stop.signal,
  });
  const counts = `${quantity(objects, 'object')} and ${quantity(changes, 'change')}`;
  printLine(`backed up ${counts} up to position ${position} into ${file}`);
  return 0;
}
