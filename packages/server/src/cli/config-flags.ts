import { isJsonObject, type JsonObject } from '@really/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { readConfig } from '../app/config/config.js';
import type { Config } from '../app/config/config-definition.js';
import {
  flagName,
  type Key,
  keys,
  type Mode,
  type Setting,
  settings,
} from '../app/config/config-keys.js';
import { parseDuration } from '../app/config/config-types.js';
import { jsonIn } from '../app/config/read-text.js';
import { appConfig } from '../app/config/selected-apps.js';

/** Options of a command, as parsed by commander. */
export type ProgramOptions = Readonly<Record<string, unknown>>;

/** Adds the flags of these settings to a command; without a list, of all that have one. */
export function addConfigFlags(command: Command, only?: readonly Key[]): Command {
  for (const key of keys) {
    const setting: Setting<unknown> = settings[key];
    if (setting.flag === undefined || (only !== undefined && !only.includes(key))) continue;
    const text = `${setting.doc}${shownDefault(setting)}`;
    command.addOption(new Option(`${flagName(key)} <${setting.flag}>`, text));
  }
  return command;
}

/** Adds the flags of a server: the settings, and options of a single start. */
export function addServerFlags(command: Command): Command {
  return addConfigFlags(command).option(
    '--force',
    'start on a database that lacks changes which may have been acknowledged',
  );
}

function shownDefault({ fallback }: Setting<unknown>): string {
  if (fallback === undefined) return '';
  if (typeof fallback !== 'function') return ` (default: ${String(fallback)})`;
  return ` (default: ${fallback('production')}; in dev ${fallback('development')})`;
}

/** The flag for the port of a running server on this machine. */
export const serverPort = [
  '--port <PORT>',
  'port of the running server; default: from its configuration',
] as const;

/** Adds the flag for the URL of a running server. */
export function addUrlFlag(command: Command): Command {
  const text = 'URL of the server; default: from its configuration';
  return command.option('--url <URL>', text, (given) => {
    if (URL.canParse(given) && /^https?:/.test(given)) return given;
    throw new InvalidArgumentError('expected a URL such as http://127.0.0.1:9000');
  });
}

/** The value of a flag that is a JSON object. */
export function objectFlag(given: string): JsonObject {
  const value = jsonIn(given);
  if (isJsonObject(value)) return value;
  throw new InvalidArgumentError('expected a JSON object');
}

/** Reads a flag that is a duration, as milliseconds. */
export const durationFlag = (example: string) => (given: string) => {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError(`expected a duration such as ${example}`);
};

/** The value of `--app`. */
export function appFlagOf({ app }: ProgramOptions): string | undefined {
  return typeof app === 'string' ? app : undefined;
}

/** The configuration of the app that `--app` names, or of the only one. */
export function appConfigInForce(options: ProgramOptions): Config {
  return appConfig(configInForce('production', options), appFlagOf(options));
}

/** The configuration of the current folder with these flags. */
export function configInForce(mode: Mode, options: ProgramOptions): Config {
  const flags: Partial<Record<Key, string>> = {};
  for (const key of keys) {
    const given = options[key];
    if (settings[key].flag !== undefined && typeof given === 'string') flags[key] = given;
  }
  return readConfig({ mode, folder: process.cwd(), environment: process.env, flags });
}
