import type { ConfigSources } from './config-definition.js';
import { type FileEntry, parseConfig } from './config-file.js';
import { environmentName, flagName, keys, laterKeys } from './config-keys.js';
import { isKey, isNow, isSection, renamedKeys, unknownKey } from './config-names.js';

/** Where a value that was given stands. */
export interface GivenSource {
  readonly kind: 'flag' | 'environment' | 'file';
  /** `--port`, `REALLY_PORT` or `really.yaml:3:7`. */
  readonly where: string;
}

/** One value that was given, not judged yet. */
export interface GivenValue {
  /** `limits.message`; of one app `apps.a6bcc.limits.message`. */
  readonly key: string;
  readonly raw: unknown;
  readonly source: GivenSource;
}

/** The variable that gives apps, as JSON, by the shape that they have in the file. */
const appsVariable = 'REALLY_APPS';

/** What messages call a value that was given. */
export function labelOf({ key, source }: GivenValue): string {
  const isNamed = source.kind !== 'file' && source.where !== appsVariable;
  return isNamed ? source.where : `${source.where}: ${key}`;
}

/** What a file gives; a key that is there twice is a problem. */
export function fromFile(entries: readonly FileEntry[], problems: string[]): GivenValue[] {
  const given: GivenValue[] = [];
  const seen = new Map<string, string>();
  for (const { key, raw, where } of entries) {
    const first = seen.get(key);
    if (first !== undefined) problems.push(`${where}: ${key} is given at ${first} already`);
    seen.set(key, where);
    // `secret:` with nothing after it says nothing, but a key that nobody knows is a mistake even so.
    if (raw === null && isKey(key)) continue;
    given.push({ key, raw, source: { kind: 'file', where } });
  }
  return given;
}

/** What the environment gives, all that begins with `REALLY_`. */
export function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): GivenValue[] {
  const byName = new Map([...keys, ...laterKeys].map((key) => [environmentName(key), key]));
  const given: GivenValue[] = [];
  for (const [name, raw] of Object.entries(environment)) {
    if (!name.startsWith('REALLY_') || name.startsWith('REALLY_TEST_')) continue;
    const source: GivenSource = { kind: 'environment', where: name };
    const key = byName.get(name);
    if (name === appsVariable) given.push(...appsIn(raw ?? '', source, problems));
    else if (key === undefined) problems.push(`${name}: ${unknownName(name, [...byName.keys()])}`);
    else if (raw) given.push({ key, raw, source });
  }
  return given;
}

/** Why a variable is none. */
function unknownName(name: string, known: readonly string[]): string {
  for (const [former, key] of renamedKeys) {
    if (environmentName(former) === name) return isNow(environmentName(key));
  }
  return unknownKey(name, known);
}

function appsIn(json: string, source: GivenSource, problems: string[]): GivenValue[] {
  const content = parseConfig(json, appsVariable, (key) => isSection(`apps.${key}`));
  problems.push(...content.problems);
  return content.entries.map(({ key, raw }) => ({ key: `apps.${key}`, raw, source }));
}

/** What the command line gives. */
export function fromFlags(flags: ConfigSources['flags']): GivenValue[] {
  return Object.entries(flags).map(([key, raw]) => ({
    key,
    raw,
    source: { kind: 'flag', where: flagName(key) },
  }));
}
