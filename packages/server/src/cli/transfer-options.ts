import type { Command } from 'commander';
import { addAppFlag, addConfigFlags } from './config-flags.js';
import type { ProgramOptions } from './program-options.js';
import type { ExitCode } from './report-error.js';

/** Adds `really export`, `really import` and `really backup`. */
export function addTransfer(program: Command, done: (code: ExitCode) => void): void {
  const add = (name: string, text: string) =>
    addAppFlag(
      program
        .command(name)
        .description(text)
        .option('--verbose', 'print the stack of an error too')
        .allowExcessArguments(false),
    );
  const run =
    (
      command: Command,
      work: (file: string | undefined, options: ProgramOptions) => Promise<ExitCode>,
    ) =>
    async (file: string | undefined) =>
      done(await work(file, command.optsWithGlobals()));

  const out = add('export', 'write the data as lines of JSON, while the server runs or not')
    .argument('[FILE]', 'where to; else stdout')
    .option('--history', 'with every change that is kept')
    .option('--collection <R...>', 'these alone, such as /users/* or /users/*/posts/*')
    .option(
      '--system',
      'with what the server keeps for itself: accounts, revocations, pending hooks',
    )
    .option('--resume', 'go on with a FILE that was not finished')
    .option('--force', 'replace a FILE that is there');
  addConfigFlags(out, ['data', 'store']).action(
    run(out, async (file, options) => (await import('./export.js')).runExport(file, options)),
  );

  const into = add('import', 'take in what export wrote, while the server does not run')
    .argument('<FILE>', 'where from; - for stdin')
    .option('--skip-existing', 'leave objects alone that are there with other content')
    .option('--replace', 'replace objects that are there with other content');
  addConfigFlags(into, ['models', 'data', 'store']).action(
    run(into, async (file, options) => (await import('./import.js')).runImport(file, options)),
  );

  const copy = add('backup', 'copy the database into a file, while the server runs or not')
    .argument('<FILE>', 'where to')
    .option('--force', 'replace a FILE that is there');
  addConfigFlags(copy, ['data', 'store']).action(
    run(copy, async (file, options) => (await import('./backup.js')).runBackup(file, options)),
  );
}
