import { type Command, InvalidArgumentError } from 'commander';
import { addAppFlag, addConfigFlags, addServerPortFlag } from '../config-flags.js';
import type { ProgramOptions } from '../program-options.js';
import type { ExitCode } from '../report-error.js';

/** Adds `really dead-letters` and its subcommands. */
export function addDeadLetters(program: Command, done: (code: ExitCode) => void): void {
  const command = program
    .command('dead-letters')
    .description('show, replay or drop what post hooks and webhooks gave up, on a running server')
    .helpCommand(false);
  const add = (name: string, text: string, argument?: readonly [string, string]) => {
    const sub = command
      .command(name)
      .description(text)
      .option('--url <URL>', 'URL of the server; default: from its configuration', parseUrl)
      .option('--verbose', 'print the stack of an error too')
      .allowExcessArguments(false);
    if (argument) sub.argument(...argument);
    sub.action(async (...given: unknown[]) => {
      const ids = argument ? [given[0]].flat().map(String) : [];
      const options: ProgramOptions = sub.optsWithGlobals();
      const { deadLetters } = await import('./dead-letters.js');
      done(await deadLetters(name, ids, options));
    });
    return addAppFlag(addConfigFlags(addServerPortFlag(sub), ['secret']));
  };
  add('list', 'print them, the newest first');
  add('show', 'print one in full, as JSON', ['<ID>', 'its id']);
  add('replay', 'try them again, as if they were new', ['<ID...>', 'their ids; `all` for all']);
  add('drop', 'delete them', ['<ID...>', 'their ids; `all` for all']);
}

function parseUrl(given: string): string {
  if (URL.canParse(given) && /^https?:/.test(given)) return given;
  throw new InvalidArgumentError('expected a URL such as http://127.0.0.1:9000');
}
