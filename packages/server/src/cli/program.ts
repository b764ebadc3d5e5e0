import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import type { Key } from '../app/config/config-keys.js';
import { type Template, templates } from '../app/offline/init-app.js';
import { addBenchOptions } from './bench/bench-options.js';
import {
  addConfigFlags,
  addServerFlags,
  addUrlFlag,
  type ProgramOptions,
  serverPort,
} from './config-flags.js';
import { type ExitCode, printLine, reportError } from './report-error.js';
import { developmentSignals, productionSignals } from './stop-signals.js';
import { addTokenOptions } from './token-options.js';

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

interface ProgramCommand {
  /** With that of its group, if it is in one: `models check`. */
  readonly name: string;
  readonly text: string;
  readonly argument?: readonly [name: string, text: string];
  readonly options?: readonly (readonly [flags: string, text: string])[];
  /** Settings that have a flag here. */
  readonly settings?: readonly Key[];
  /** Adds further flags. */
  readonly flags?: (command: Command) => Command;
  /**
   * Loads the command when it runs, so that `--help` and `token` need not load a server.
   * `argument`: as given; a list if there may be several.
   */
  readonly run: (options: ProgramOptions, argument: unknown) => Promise<ExitCode>;
}

const groups: Readonly<Record<string, string>> = {
  models: 'check models, or print their types',
  'dead-letters': 'show, replay or drop what post hooks and webhooks gave up, on a running server',
};

const whichApp = ['--app <CLIENTID>', 'which app, if the server has several'] as const;

const deadLetter = (
  action: string,
  text: string,
  argument?: readonly [string, string],
): ProgramCommand => ({
  ...{ name: `dead-letters ${action}`, text, ...(argument && { argument }) },
  options: [whichApp, serverPort],
  settings: ['secret'],
  flags: addUrlFlag,
  run: async (options, ids = []) => {
    const { deadLetters } = await import('./dead-letters/dead-letters.js');
    return await deadLetters(action, [ids].flat().map(String), options);
  },
});

const theirIds = ['<ID...>', 'their ids; `all` for all'] as const;

const commands: readonly ProgramCommand[] = [
  {
    name: 'init',
    text: 'make a new app: models, configuration, a live page',
    argument: ['<DIR>', 'an empty or new folder'],
    flags: (command) =>
      command.addOption(
        new Option('--template <NAME>', 'plain, a page without a build, or react, a bundled one')
          .choices(templates)
          .default('plain'),
      ),
    run: async ({ template }, dir) =>
      (await import('./init.js')).init(String(dir), template as Template),
  },
  {
    name: 'start',
    text: 'start for production: JSON logs, needs a secret',
    flags: addServerFlags,
    run: async (options) => {
      // Before slow imports: a reload requested meanwhile must not end the process.
      const signals = productionSignals();
      return await (await import('./serve.js')).serve('production', options, signals);
    },
  },
  {
    name: 'dev',
    text: 'start in development mode: pretty logs, a development secret',
    flags: addServerFlags,
    run: async (options) => {
      const signals = developmentSignals();
      return await (await import('./serve.js')).serve('development', options, signals);
    },
  },
  {
    name: 'models check',
    text: 'load every model and print what is wrong',
    options: [
      whichApp,
      ['--strict', 'treat warnings as errors'],
      ['--explain', 'print when each part of each access rule is evaluated'],
    ],
    settings: ['models'],
    run: async (options) => (await import('./check-models.js')).reportModels(options),
  },
  {
    name: 'models types',
    text: 'print TypeScript types of the models',
    options: [
      whichApp,
      ['--out <FILE>', 'write them to a file instead; with a FILE.d.ts its FILE.js too'],
      ['--check', 'exit with 1 if the file is not up to date; default: the one of `really dev`'],
    ],
    settings: ['models'],
    run: async (options) => (await import('./write-model-types.js')).writeModelTypes(options),
  },
  {
    name: 'token',
    text: 'mint an access token and print it',
    options: [whichApp],
    settings: ['secret'],
    flags: addTokenOptions,
    run: async (options) => (await import('./print-token.js')).printToken(options),
  },
  {
    name: 'bench',
    text: 'load a running server and print throughput and latencies',
    options: [serverPort],
    flags: addBenchOptions,
    run: async (options) => (await import('./bench/bench.js')).bench(options),
  },
  {
    name: 'migrate',
    text: 'migrate every object to the version of its model',
    options: [whichApp, serverPort],
    settings: ['models', 'data', 'store', 'secret'],
    run: async (options) => (await import('./migrate.js')).migrate(options),
  },
  {
    name: 'export',
    text: 'write the data as lines of JSON, while the server runs or not',
    argument: ['[FILE]', 'output file; default: stdout'],
    options: [
      whichApp,
      ['--history', 'include every stored change'],
      ['--collection <R...>', 'export only these, such as /users/* or /users/*/posts/*'],
      ['--system', "include the server's own data: accounts, revocations, pending hooks"],
      ['--resume', 'continue an unfinished FILE'],
      ['--force', 'replace an existing FILE'],
    ],
    settings: ['data', 'store'],
    run: async (options, file) => (await import('./export.js')).runExport(file, options),
  },
  {
    name: 'import',
    text: 'import the output of export, while the server is stopped',
    argument: ['<FILE>', 'input file; - for stdin'],
    options: [
      whichApp,
      ['--skip-existing', 'keep existing objects with other content'],
      ['--replace', 'replace existing objects with other content'],
    ],
    settings: ['models', 'data', 'store'],
    run: async (options, file) => (await import('./import.js')).runImport(String(file), options),
  },
  {
    name: 'backup',
    text: 'copy the database into a file, while the server runs or not',
    argument: ['<FILE>', 'where to'],
    options: [whichApp, ['--force', 'replace an existing FILE']],
    settings: ['data', 'store'],
    run: async (options, file) => (await import('./backup.js')).runBackup(String(file), options),
  },
  deadLetter('list', 'print them, the newest first'),
  deadLetter('show', 'print one in full, as JSON', ['<ID>', 'its id']),
  deadLetter('replay', 'try them again, as if they were new', theirIds),
  deadLetter('drop', 'delete them', theirIds),
  {
    name: 'config',
    text: 'print the current configuration and its sources',
    options: [whichApp],
    flags: addConfigFlags,
    run: async (options) => (await import('./show-config.js')).showConfig(options),
  },
];

function makeProgram(done: (code: ExitCode) => void): Command {
  const program = new Command('really')
    .description('A real-time backend over one WebSocket.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .option('--verbose', 'print the stack of an error too')
    .exitOverride()
    .configureOutput({ outputError: (text) => printLine(oneLine(text)) });
  for (const command of commands) add(program, command, done);
  return program;
}

function add(
  program: Command,
  { name, text, argument, options = [], settings = [], flags, run }: ProgramCommand,
  done: (code: ExitCode) => void,
): void {
  const [last = '', group] = name.split(' ').reverse();
  const command = (group === undefined ? program : groupIn(program, group))
    .command(last)
    .description(text)
    .option('--verbose', 'print the stack of an error too')
    .allowExcessArguments(false);
  if (argument) command.argument(...argument);
  for (const option of options) command.option(...option);
  addConfigFlags(command, settings);
  flags?.(command);
  command.action(async (...given: unknown[]) =>
    done(await run(command.optsWithGlobals(), argument ? given[0] : undefined)),
  );
}

function groupIn(program: Command, name: string): Command {
  const known = program.commands.find((command) => command.name() === name);
  const text = groups[name] ?? '';
  return known ?? program.command(name).description(text).helpCommand(false);
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
