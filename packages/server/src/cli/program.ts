import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addBenchOptions } from './bench/bench-options.js';
import { addAppFlag, addConfigFlags, addServerFlags, addServerPortFlag } from './config-flags.js';
import { addDeadLetters } from './dead-letters/dead-letters-options.js';
import type { ProgramOptions } from './program-options.js';
import { type ExitCode, printLine, reportError } from './report-error.js';
import { developmentSignals, productionSignals } from './stop-signals.js';
import { addTokenOptions } from './token-options.js';
import { addTransfer } from './transfer-options.js';

/** Runs the program with the arguments that follow its name, and resolves with its exit code. */
export async function runProgram(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = makeProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportError(error, args.includes('--verbose'));
  }
}

/** Commands are loaded when they run, so that `--help` and `token` need not load a server. */
type RunCommand = (options: ProgramOptions) => Promise<ExitCode>;

const start: RunCommand = async (options) => {
  // Before slow imports: a reload requested meanwhile must not end the process.
  const signals = productionSignals();
  return await (await import('./serve.js')).serve('production', options, signals);
};
const dev: RunCommand = async (options) => {
  const signals = developmentSignals();
  return await (await import('./serve.js')).serve('development', options, signals);
};
const check: RunCommand = async (options) =>
  (await import('./check-models.js')).reportModels(options);
const types: RunCommand = async (options) =>
  (await import('./write-model-types.js')).writeModelTypes(options);
const token: RunCommand = async (options) => (await import('./print-token.js')).printToken(options);
const bench: RunCommand = async (options) => (await import('./bench/bench.js')).bench(options);
const migrate: RunCommand = async (options) => (await import('./migrate.js')).migrate(options);
const config: RunCommand = async (options) =>
  (await import('./show-config.js')).showConfig(options);

function makeProgram(done: (code: ExitCode) => void): Command {
  const program = new Command('really')
    .description('A real-time backend over one WebSocket.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .option('--verbose', 'print the stack of an error too')
    .exitOverride()
    .configureOutput({ outputError: (text) => printLine(oneLine(text)) });
  const add = (parent: Command, name: string, text: string, run: RunCommand) =>
    parent
      .command(name)
      .description(text)
      .option('--verbose', 'print the stack of an error too')
      .allowExcessArguments(false)
      .action(async (_options: ProgramOptions, command: Command) =>
        done(await run(command.optsWithGlobals())),
      );
  program
    .command('init')
    .description('make a new app: models, configuration, a live page')
    .argument('<DIR>', 'an empty or new folder')
    .option('--verbose', 'print the stack of an error too')
    .allowExcessArguments(false)
    .action(async (folder: string) => done(await (await import('./init.js')).init(folder)));
  addServerFlags(add(program, 'start', 'start for production: JSON logs, needs a secret', start));
  addServerFlags(
    add(program, 'dev', 'start in development mode: pretty logs, a development secret', dev),
  );
  const models = program
    .command('models')
    .description('check models, or print their types')
    .helpCommand(false);
  addConfigFlags(
    addAppFlag(add(models, 'check', 'load every model and print what is wrong', check)).option(
      '--strict',
      'treat warnings as errors',
    ),
    ['models'],
  );
  addConfigFlags(
    addAppFlag(add(models, 'types', 'print TypeScript types of the models', types)).option(
      '--out <FILE>',
      'write them to a file instead',
    ),
    ['models'],
  );
  addTokenOptions(addAppFlag(add(program, 'token', 'mint an access token and print it', token)));
  addBenchOptions(
    add(program, 'bench', 'load a running server and print throughput and latencies', bench),
  );
  addConfigFlags(
    addServerPortFlag(
      addAppFlag(
        add(program, 'migrate', 'migrate every object to the version of its model', migrate),
      ),
    ),
    ['models', 'data', 'store', 'secret'],
  );
  addTransfer(program, done);
  addDeadLetters(program, done);
  addConfigFlags(
    addAppFlag(add(program, 'config', 'print the current configuration and its sources', config)),
  );
  return program;
}

/** Commander's messages begin with `error: ` and may have a suggestion on a separate line. */
function oneLine(text: string): string {
  return text
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ');
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
