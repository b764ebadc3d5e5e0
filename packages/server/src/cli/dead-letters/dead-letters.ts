import { operatorAccess } from '../../app/config/operator-access.js';
import { appFlagOf, configInForce, type ProgramOptions } from '../config-flags.js';
import { type ExitCode, printLine } from '../report-error.js';
import { DeadLetterClient, type ListedDeadLetter } from './dead-letter-client.js';

/** `really dead-letters …`: asks the server of this folder, or the one at `--url`, with the app's secret. */
export async function deadLetters(
  action: string,
  ids: readonly string[],
  options: ProgramOptions,
): Promise<ExitCode> {
  // Any configured secret will do: `start` checks whether it is fit for production.
  const { secret, port, url } = options;
  const access = operatorAccess(configInForce('development', { port }), {
    app: appFlagOf(options),
    secret: typeof secret === 'string' ? secret : undefined,
    url: typeof url === 'string' ? url : undefined,
  });
  const client = new DeadLetterClient(access);
  switch (action) {
    case 'list':
      return await list(client);
    case 'show':
      return await show(client, ids[0] ?? '');
    case 'replay':
      return await each(client, ids, 'replayed', (id) => client.replay(id));
    default:
      return await each(client, ids, 'dropped', (id) => client.drop(id));
  }
}

async function list(client: DeadLetterClient): Promise<ExitCode> {
  const letters = await client.list();
  for (const letter of letters) process.stdout.write(`${lineOf(letter)}\n`);
  if (letters.length === 0) printLine('there are no dead letters');
  return 0;
}

function lineOf({ id, at, what, about, attempts, reason }: ListedDeadLetter): string {
  const tried = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  return [id, new Date(at).toISOString(), what, about, tried, reason].join('  ');
}

async function show(client: DeadLetterClient, id: string): Promise<ExitCode> {
  const letter = await client.find(id);
  if (letter === undefined) return missing(id);
  process.stdout.write(`${JSON.stringify(letter, null, 2)}\n`);
  return 0;
}

/** All existing ones, even if some ids are unknown. */
async function each(
  client: DeadLetterClient,
  ids: readonly string[],
  done: string,
  act: (id: string) => Promise<boolean>,
): Promise<ExitCode> {
  let code: ExitCode = 0;
  let count = 0;
  for (const id of ids.includes('all') ? await client.allIds() : ids) {
    if (await act(id)) count += 1;
    else code = missing(id);
  }
  process.stdout.write(`${done} ${count} ${count === 1 ? 'dead letter' : 'dead letters'}\n`);
  return code;
}

function missing(id: string): ExitCode {
  printLine(`there is no dead letter ${id}`);
  return 1;
}
