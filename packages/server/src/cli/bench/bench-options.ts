import { type JsonObject, parseR } from '@really/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationFlag, objectFlag } from '../config-flags.js';

export interface BenchOptions {
  /** By default the server of the current folder. */
  readonly url?: string | undefined;
  readonly connections: number;
  /** Requests in flight per connection. */
  readonly inFlight: number;
  /** Milliseconds for each operation. */
  readonly time: number;
  readonly token?: string | undefined;
  /** The app's secret: to mint a token of a new user for each connection. */
  readonly secret?: string | undefined;
  /** A collection to write into. */
  readonly r?: string | undefined;
  readonly body: JsonObject;
  /** One operation of an update, on the created objects. */
  readonly op?: JsonObject | undefined;
}

/** The options of `really bench`. */
export function addBenchOptions(command: Command): Command {
  return command
    .option('--url <URL>', 'URL of the server; default: from its configuration', parseUrl)
    .option('--connections <N>', 'sockets to open', wholeNumber(1, 10_000), 64)
    .option('--in-flight <N>', 'requests in flight on each', wholeNumber(1, 256), 1)
    .addOption(
      new Option('--time <DURATION>', 'time for each operation; a bare number is seconds')
        .argParser(durationFlag('5s'))
        .default(5000, '5s'),
    )
    .option(
      '--token <TOKEN>',
      'an access token for all of them; without one they sign in anonymously',
    )
    .option('--secret <SECRET>', "the app's secret, to give each connection a user of its own")
    .option(
      '--r <R>',
      'a collection to create objects in; without it only pings are measured',
      parseCollection,
    )
    .option('--body <JSON>', 'body of the created objects', objectFlag, {})
    .option(
      '--op <JSON>',
      'an operation to update the created objects with, including pushes',
      objectFlag,
    );
}

function parseUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^(?:ws|http)s?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('expected a URL such as ws://127.0.0.1:9000');
  }
  return url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin;
}

function wholeNumber(from: number, to: number): (given: string) => number {
  return (given) => {
    const value = Number(given);
    if (Number.isInteger(value) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(`expected a whole number from ${from} to ${to}`);
  };
}

function parseCollection(given: string): string {
  const parsed = parseR(given);
  if (parsed?.kind === 'collection' && !parsed.parents.includes('*')) return parsed.r;
  throw new InvalidArgumentError('expected the R of a collection, such as /tasks');
}
