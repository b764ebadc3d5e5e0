import { type Command, Option } from 'commander';
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

/** Gives a command the flags of these settings; without a list, of all that have one. */
export function addConfigFlags(command: Command, only?: readonly Key[]): Command {
  for (const key of keys) {
    const setting: Setting<unknown> = settings[key];
    if (setting.flag === undefined || (only !== undefined && !only.includes(key))) continue;
    const text = `${setting.doc}${shownDefault(setting)}`;
    command.addOption(new Option(`${flagName(key)} <${setting.flag}>`, text));
  }
  return command;
}

/** Gives a command that serves its flags: the settings, and what is decided at one start. */
export function addServerFlags(command: Command): Command {
  return addConfigFlags(command).option(
    '--force',
    'go on with a database that lacks changes which may have been answered',
  );
}

function shownDefault({ fallback }: Setting<unknown>): string {
  if (fallback === undefined) return '';
  if (typeof fallback !== 'function') return ` (default: ${String(fallback)})`;
  return ` (default: ${fallback('production')}; in dev ${fallback('development')})`;
}

/** Gives a command that talks to a running server the flag that says where that is on this machine. */
export function addServerPortFlag(command: Command): Command {
  return command.option(
    '--port <PORT>',
    'port of the running server; else as its configuration says',
  );
}

/** Gives a command the flag that says which app it is about. */
export function addAppFlag(command: Command): Command {
  return command.option('--app <CLIENTID>', 'which app, where the server has several');
}

/** What `--app` says. */
export function appFlagOf({ app }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof app === 'string' ? app : undefined;
}

/** The configuration in force in the current folder, with the flags that were given. */
export function configInForce(mode: Mode, options: Readonly<Record<string, unknown>>): Config {
  const flags: Partial<Record<Key, string>> = {};
  for (const key of keys) {
    const given = options[key];
    if (settings[key].flag !== undefined && typeof given === 'string') flags[key] = given;
  }
  return readConfig({ mode, folder: process.cwd(), environment: process.env, flags });
}
