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
    .argument('[FILE]', 'output file; default: stdout')
    .option('--history', 'include every stored change')
    .option('--collection <R...>', 'export only these, such as /users/* or /users/*/posts/*')
    .option('--system', "include the server's own data: accounts, revocations, pending hooks")
    .option('--resume', 'continue an unfinished FILE')
    .option('--force', 'replace an existing FILE');
  addConfigFlags(out, ['data', 'store']).action(
    run(out, async (file, options) => (await import('./export.js')).runExport(file, options)),
  );

  const into = add('import', 'import the output of export, while the server is stopped')
    .argument('<FILE>', 'input file; - for stdin')
    .option('--skip-existing', 'keep existing objects with other content')
    .option('--replace', 'replace existing objects with other content');
  addConfigFlags(into, ['models', 'data', 'store']).action(
    run(into, async (file, options) => (await import('./import.js')).runImport(file, options)),
  );

  const copy = add('backup', 'copy the database into a file, while the server runs or not')
    .argument('<FILE>', 'where to')
    .option('--force', 'replace an existing FILE');
  addConfigFlags(copy, ['data', 'store']).action(
    run(copy, async (file, options) => (await import('./backup.js')).runBackup(file, options)),
  );
}
