import { ConfigError } from '../app/config/config.js';
import { type ExportResult, exportApp, exportAppToFile } from '../app/offline/export-app.js';
import { StartError } from '../app/start-error.js';
import { quantity } from '../platform/quantity.js';
import type { LineSink } from '../transfer/export-store.js';
import { appConfigInForce, type ProgramOptions } from './config-flags.js';
import { openProgress } from './progress.js';
import { type ExitCode, printLine } from './report-error.js';

/** `really export [FILE]`: the data as lines of JSON. `-` is stdout, as it is stdin for an import. */
export async function runExport(given: unknown, options: ProgramOptions): Promise<ExitCode> {
  const file = typeof given === 'string' && given !== '-' ? given : undefined;
  const config = appConfigInForce(options);
  const resume = options.resume === true;
  const force = options.force === true;
  if (file === undefined && (resume || force))
    throw new ConfigError('--resume and --force need a FILE');
  if (resume && force) throw new ConfigError('--resume and --force exclude each other');
  const collections = Array.isArray(options.collection) ? options.collection.map(String) : [];
  const work = {
    collections,
    history: options.history === true,
    system: options.system === true,
    progress: openProgress(),
  };
  if (file === undefined) {
    report(await exportApp(config, stdoutSink(), work), '');
    return 0;
  }
  const counts = await exportAppToFile(config, { ...work, file, resume, force });
  if (counts === undefined) printLine(`${file} is complete already`);
  else report(counts, ` into ${file}`);
  return 0;
}

function report({ objects, changes, unfinished }: ExportResult, into: string): void {
  const history = changes > 0 ? ` and ${quantity(changes, 'change')}` : '';
  printLine(`exported ${quantity(objects, 'object')}${history}${into}`);
  if (unfinished === 0) return;
  const which =
    unfinished === 1 ? 'A deletion is' : `${unfinished.toLocaleString('en')} deletions are`;
  printLine(
    `${which} unfinished: what depends on the deleted objects is in the export, and stays where it is imported. Export with --system, or when really_cascades_pending is 0`,
  );
}

/** Waits for the reader of stdout, which may also close it. */
function stdoutSink(): LineSink {
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => {
          if (error)
            reject(new StartError(['the export stopped: its reader closed stdout'], error));
          else resolve();
        });
      }),
  };
}
