import type { ConfigSources, Source } from './config-definition.js';
import { type FileEntry, parseConfig } from './config-file.js';
import { environmentName, flagName, keys } from './config-keys.js';
import { isKey, isNow, isSection, renamedKeys, unknownKey } from './config-names.js';

/** A given value, not validated yet. */
export interface GivenValue {
  /** `limits.message`; for one app `apps.a6bcc.limits.message`. */
  readonly key: string;
  readonly raw: unknown;
  readonly source: GivenSource;
}

type GivenSource = Exclude<Source, { kind: 'default' }>;

/** The variable that configures apps, as JSON with the structure of the file. */
const appsVariable = 'REALLY_APPS';

/** How messages name a given value. */
export function labelOf({ key, source }: GivenValue): string {
  const isNamed = source.kind !== 'file' && source.where !== appsVariable;
  return isNamed ? source.where : `${source.where}: ${key}`;
}

/** The values of a file; a duplicate key is a problem. */
export function fromFile(entries: readonly FileEntry[], problems: string[]): GivenValue[] {
  const given: GivenValue[] = [];
  const seen = new Map<string, string>();
  for (const { key, raw, where } of entries) {
    const first = seen.get(key);
    if (first !== undefined) problems.push(`${where}: ${key} is given at ${first} already`);
    seen.set(key, where);
    // A key without a value counts as not set, but an unknown key is an error even so.
    if (raw === null && isKey(key)) continue;
    given.push({ key, raw, source: { kind: 'file', where } });
  }
  return given;
}

/** The values of all environment variables that begin with `REALLY_`. */
export function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): GivenValue[] {
  const byName = new Map(keys.map((key) => [environmentName(key), key]));
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

/** Why a variable is invalid. */
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

/** The values of command-line flags. */
export function fromFlags(flags: ConfigSources['flags']): GivenValue[] {
  return Object.entries(flags).map(([key, raw]) => ({
    key,
    raw,
    source: { kind: 'flag', where: flagName(key) },
  }));
}
