import { inexactIn, type JsonObject, parseR } from '@really/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import { durationFlag, objectFlag } from './config-flags.js';

export interface TokenOptions {
  readonly uid: string;
  readonly r?: string;
  readonly data?: JsonObject;
  /** Milliseconds from now. */
  readonly expires?: number;
  readonly authType?: string;
  readonly admin?: true;
  readonly secret?: string;
}

/** The options of `really token`. `--data` is the token's data here, so there is no flag for the data folder. */
export function addTokenOptions(command: Command): Command {
  return command
    .requiredOption('--uid <UID>', 'uid of the user', parseUid)
    .option('--r <R>', "the R of the user's own object", parseOwnR)
    .option('--data <JSON>', 'a JSON object that rules and hooks see as auth.data', parseData)
    .option(
      '--expires <DURATION>',
      'lifetime, such as 1d; default: for ever',
      durationFlag('90s, 12h or 1d'),
    )
    .option('--admin', 'all rights: for operators, and logged')
    .option('--auth-type <TYPE>', 'what rules and hooks see as auth.authType');
}

function parseUid(given: string): string {
  if (given === '') throw new InvalidArgumentError('expected text');
  return given;
}

function parseOwnR(given: string): string {
  const parsed = parseR(given);
  if (parsed?.kind !== 'object') {
    throw new InvalidArgumentError('expected the R of an object, such as /users/1');
  }
  return parsed.r;
}

function parseData(given: string): JsonObject {
  const data = objectFlag(given);
  const path = inexactIn(data)?.slice(1);
  if (path !== undefined) {
    throw new InvalidArgumentError(`expected a number that is kept exactly for ${path}`);
  }
  return data;
}
