import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import leven from 'leven';
import { type FileEntry, readConfigFile } from './config-file.js';
import {
  environmentName,
  flagName,
  type Key,
  keys,
  laterKeys,
  type Mode,
  type Setting,
  settings,
  type Values,
} from './config-keys.js';

/** What a server is started with. Made by `readConfig`, so everything in it is sound. */
export interface Config {
  readonly mode: Mode;
  /** The app's folder, absolute. */
  readonly folder: string;
  readonly values: Values;
  readonly sources: Readonly<Record<Key, Source>>;
}

/** Where the value in force came from. */
export type Source =
  | { readonly kind: 'default' }
  /** `where`: `--port`, `REALLY_PORT` or `really.yaml:3:7`. */
  | { readonly kind: 'flag' | 'environment' | 'file'; readonly where: string };

export interface ConfigSources {
  readonly mode: Mode;
  /** The app's folder: `really.yaml` and relative paths are looked up there. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text by key, as given on the command line. */
  readonly flags: Readonly<Partial<Record<Key, string>>>;
}

/** Everything that is wrong with a configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One complete line each. */
  readonly problems: readonly string[];
  /** True where a flag is among what is wrong: the program was used wrongly. */
  readonly misused: boolean;
  constructor(problems: readonly string[], misused: boolean) {
    super(problems.join('\n'));
    this.problems = problems;
    this.misused = misused;
  }
}

export const configFileName = 'really.yaml';

interface Given {
  readonly key: string;
  readonly raw: unknown;
  readonly source: Exclude<Source, { kind: 'default' }>;
}

/**
 * The configuration in force: flags over environment over file over defaults.
 * Throws a `ConfigError` that tells everything that is wrong.
 */
export function readConfig(sources: ConfigSources): Config {
  const folder = resolve(sources.folder);
  const file = readConfigFile(join(folder, configFileName), configFileName, isSection);
  const { given, problems } = fromFile(file.entries);
  problems.unshift(...file.problems);
  const found = new Map<Key, { value: unknown; source: Source }>();
  let misused = false;
  for (const one of [...given, ...fromEnvironment(sources.environment, problems)]) {
    take(one, folder, found, problems);
  }
  for (const one of fromFlags(sources.flags)) {
    const before = problems.length;
    take(one, folder, found, problems);
    misused ||= problems.length > before;
  }
  const config = complete(sources.mode, folder, found);
  problems.push(...crossChecks(config));
  if (problems.length > 0) throw new ConfigError(problems, misused);
  return config;
}

/** `a` and `a.b` of `a.b.c`. */
const sections = new Set(
  [...keys, ...laterKeys].flatMap((key) => {
    const words = key.split('.');
    return words.slice(1).map((_, index) => words.slice(0, index + 1).join('.'));
  }),
);

const isSection = (key: string): boolean => sections.has(key);

function fromFile(entries: readonly FileEntry[]): { given: Given[]; problems: string[] } {
  const given: Given[] = [];
  const problems: string[] = [];
  const seen = new Map<string, string>();
  for (const { key, raw, where } of entries) {
    const first = seen.get(key);
    if (first !== undefined) problems.push(`${where}: ${key} is given at ${first} already`);
    seen.set(key, where);
    // `secret:` with nothing after it says nothing, but a key that nobody knows is a mistake even so.
    if (raw === null && isKey(key)) continue;
    given.push({ key, raw, source: { kind: 'file', where } });
  }
  return { given, problems };
}

function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Given[] {
  const byName = new Map([...keys, ...laterKeys].map((key) => [environmentName(key), key]));
  const given: Given[] = [];
  for (const [name, raw] of Object.entries(environment)) {
    if (!name.startsWith('REALLY_') || name.startsWith('REALLY_TEST_')) continue;
    const key = byName.get(name);
    if (key === undefined) problems.push(`${name}: ${unknownKey(name, [...byName.keys()])}`);
    else if (raw) given.push({ key, raw, source: { kind: 'environment', where: name } });
  }
  return given;
}

function fromFlags(flags: ConfigSources['flags']): Given[] {
  return Object.entries(flags).map(([key, raw]) => ({
    key,
    raw,
    source: { kind: 'flag', where: flagName(key) },
  }));
}

const isKey = (key: string): key is Key => Object.hasOwn(settings, key);

/** Judges one given value and, where it is good, lets it stand over what was found before. */
function take(
  { key, raw, source }: Given,
  folder: string,
  found: Map<Key, { value: unknown; source: Source }>,
  problems: string[],
): void {
  const label = source.kind === 'file' ? `${source.where}: ${key}` : source.where;
  if (!isKey(key)) {
    problems.push(`${label}: ${refusal(key)}`);
    return;
  }
  const setting: Setting<unknown> = settings[key];
  const parsed = setting.kind.parse(raw, folder);
  if (parsed.ok) found.set(key, { value: parsed.value, source });
  else
    problems.push(
      `${label}: ${parsed.problem}${setting.secret || setting.holdsSecrets ? '' : shown(raw)}`,
    );
}

function refusal(key: string): string {
  if (laterKeys.some((later) => key === later || key.startsWith(`${later}.`))) {
    return 'is not supported by this version yet';
  }
  if (isSection(key)) {
    const inside = keys.filter((known) => known.startsWith(`${key}.`));
    return `expected keys below it${inside.length > 0 ? `, such as ${inside.slice(0, 3).join(', ')}` : ''}`;
  }
  return unknownKey(key, [...keys, ...laterKeys]);
}

function unknownKey(given: string, known: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const distance = (text: string) => leven(plain(text), plain(given));
  const [nearest] = known.toSorted((a, b) => distance(a) - distance(b));
  return `is not known; did you mean ${nearest ?? ''}?`;
}

/** What was found in place of what was expected, unless it carries a password. */
function shown(raw: unknown): string {
  const json = JSON.stringify(raw) ?? String(raw);
  if (json.includes('://')) return '';
  return `, found ${json.length > 60 ? `${json.slice(0, 60)}…` : json}`;
}

function complete(
  mode: Mode,
  folder: string,
  found: ReadonlyMap<Key, { value: unknown; source: Source }>,
): Config {
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const key of keys) {
    const given = found.get(key);
    values[key] = given === undefined ? fallbackOf(key, mode, folder) : given.value;
    sources[key] = given?.source ?? { kind: 'default' };
  }
  // Every key was gone through, and each value came from its own setting.
  return { mode, folder, values: values as Values, sources: sources as Record<Key, Source> };
}

/** Folders that stand for a key which says nothing, where they exist. */
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

function crossChecks({ values, sources }: Config): string[] {
  const problems: string[] = [];
  const label = (key: Key) => {
    const source = sources[key];
    if (source.kind === 'default') return key;
    return source.kind === 'file' ? `${source.where}: ${key}` : source.where;
  };
  const { 'tls.cert': cert, 'tls.key': privateKey } = values;
  if (cert !== undefined && privateKey === undefined) {
    problems.push(`${label('tls.cert')}: tls.key is missing beside it`);
  }
  if (privateKey !== undefined && cert === undefined) {
    problems.push(`${label('tls.key')}: tls.cert is missing beside it`);
  }
  if (values.public !== undefined && !existsSync(values.public)) {
    problems.push(`${label('public')}: there is no folder ${values.public}`);
  }
  return problems;
}
