import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { appConfigsOf, type ConfiguredValue, currentValues } from './config-apps.js';
import { crossChecks } from './config-checks.js';
import type { Config, ConfigSources } from './config-definition.js';
import { readConfigFile } from './config-file.js';
import { type Key, type Mode, type Setting, serverKeys, settings } from './config-keys.js';
import { isClientid, isKey, isSection, refusal, splitKey } from './config-names.js';
import {
  fromEnvironment,
  fromFile,
  fromFlags,
  type GivenValue,
  labelOf,
} from './config-sources.js';

/** All problems of a configuration together. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One complete line each. */
  readonly problems: readonly string[];
  constructor(problems: string | readonly string[]) {
    const lines = [problems].flat();
    super(lines.join('\n'));
    this.problems = lines;
  }
}

export const configFileName = 'really.yaml';

/**
 * The current configuration: flags over environment over file over defaults, key by key, also below `apps`. Throws a
 * `ConfigError` with all problems.
 */
export function readConfig(sources: ConfigSources): Config {
  const folder = resolve(sources.folder);
  const file = readConfigFile(join(folder, configFileName), configFileName, isSection);
  const reading = new Reading(folder, [...file.problems]);
  const { problems } = reading;
  for (const givenValue of fromFile(file.entries, problems)) reading.take(givenValue);
  for (const givenValue of fromEnvironment(sources.environment, problems)) reading.take(givenValue);
  for (const givenValue of fromFlags(sources.flags)) reading.take(givenValue);
  const { mode } = sources;
  const current = currentValues((key) => {
    const found = reading.found.get(key);
    return found ?? { value: fallbackOf(key, mode, folder), source: { kind: 'default' } };
  });
  const server: Config = { mode, folder, ...current, apps: [] };
  const config = { ...server, apps: appConfigsOf(server, reading.apps) };
  problems.push(...crossChecks(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The valid values so far: later sources override earlier ones. */
class Reading {
  readonly found = new Map<Key, ConfiguredValue>();
  readonly apps = new Map<string, Map<Key, ConfiguredValue>>();
  readonly problems: string[];
  readonly #folder: string;

  constructor(folder: string, problems: string[]) {
    this.#folder = folder;
    this.problems = problems;
  }

  /** Validates one given value. */
  take(given: GivenValue): void {
    const { key, raw, source } = given;
    const { clientid, rest } = splitKey(key);
    const found = clientid === undefined ? this.found : this.#app(clientid, given);
    if (saysNothing(given)) return;
    if (!isKey(rest)) {
      this.#refuse(given, refusal(key));
    } else if (clientid !== undefined && serverKeys.has(rest)) {
      this.#refuse(given, "is the server's, and cannot be set for one app");
    } else {
      const { kind, secret, holdsSecrets }: Setting<unknown> = settings[rest];
      const parsed = kind.parse(raw, this.#folder);
      if (parsed.ok) found.set(rest, { value: parsed.value, source });
      else this.#refuse(given, parsed.problem + (secret || holdsSecrets ? '' : shown(raw)));
    }
  }

  #refuse(given: GivenValue, problem: string): void {
    this.problems.push(`${labelOf(given)}: ${problem}`);
  }

  #app(clientid: string, given: GivenValue): Map<Key, ConfiguredValue> {
    const known = this.apps.get(clientid);
    if (known) return known;
    if (!isClientid(clientid)) {
      const expected = 'lower-case letters, digits and hyphens within, 63 at most';
      this.#refuse(given, `${clientid} is not a clientid: expected ${expected}`);
    }
    const found = new Map<Key, ConfiguredValue>();
    this.apps.set(clientid, found);
    return found;
  }
}

/** A key without a value counts as not set; `a6bcc: {}` only declares the app. */
function saysNothing({ key, raw }: GivenValue): boolean {
  const { clientid, rest } = splitKey(key);
  if (raw === null) return isKey(rest) || (clientid !== undefined && rest === '');
  const isEmpty = typeof raw === 'object' && !Array.isArray(raw) && Object.keys(raw).length === 0;
  return isEmpty && isSection(key);
}

/** The value found in place of the expected one, unless it may contain a password. */
function shown(raw: unknown): string {
  const json = JSON.stringify(raw) ?? String(raw);
  if (json.includes('://')) return '';
  return `, found ${json.length > 60 ? `${json.slice(0, 60)}…` : json}`;
}

/** Default folders of keys that are not set, if they exist. */
const usualFolders: Partial<Record<Key, string>> = {
  public: 'public',
  'auth.mail.templates': 'mail',
};

function fallbackOf(key: Key, mode: Mode, folder: string): unknown {
  const usualFolder = usualFolders[key];
  if (usualFolder !== undefined) {
    const usual = join(folder, usualFolder);
    return existsSync(usual) ? usual : undefined;
  }
  const setting: Setting<unknown> = settings[key];
  const { fallback } = setting;
  const value: unknown = typeof fallback === 'function' ? fallback(mode) : fallback;
  if (typeof value !== 'string') return value;
  const parsed = setting.kind.parse(value, folder);
  return parsed.ok ? parsed.value : value;
}
