import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkModels } from './check-models.js';
import { addConfigFlags } from './config-flags.js';
import { reportError, tell, type ExitCode } from './report-error.js';
import { serve } from './serve.js';
import { showConfig } from './show-config.js';
import { addTokenOptions, mintToken } from './mint-token.js';

/** Options of a command, as commander gathered them. */
export type Options = Readonly<Record<string, unknown>>;

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

function makeProgram(done: (code: ExitCode) => void): Command {
  const program = new Command('really')
    .description('A real-time backend over one WebSocket.')
    .version(version(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .option('--verbose', 'print the stack of an error too')
    .exitOverride()
    .configureOutput({ outputError: (text) => tell(oneLine(text)) });
  const add = (parent: Command, name: string, text: string, run: (o: Options) => Promise<ExitCode>) =>
    parent
      .command(name)
      .description(text)
      .option('--verbose', 'print the stack of an error too')
      .allowExcessArguments(false)
      .action(async (options: Options) => done(await run(options)));
  addConfigFlags(
    add(program, 'start', 'start for production: JSON logs, needs a secret', (options) =>
      serve('production', options),
    ),
  );
  addConfigFlags(
    add(program, 'dev', 'start in development mode: pretty logs, a development secret', (options) =>
      serve('development', options),
    ),
  );
  const models = program
    .command('models')
    .description('look at the models')
    .helpCommand(false);
  addConfigFlags(add(models, 'check', 'load every model and print what is wrong', checkModels), [
    'models',
  ]);
  addTokenOptions(add(program, 'token', 'mint an access token and print it', mintToken));
  addConfigFlags(
    add(program, 'config', 'print what is in force and where it came from', showConfig),
  );
  return program;
}

/** Commander's messages begin with `error: ` and may add a suggestion on a line of its own. */
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
