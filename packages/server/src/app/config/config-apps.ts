import { basename, dirname, join } from 'node:path';
import type { Config, Source } from './config-definition.js';
import { type Key, keys, serverKeys, type Values } from './config-keys.js';

/** A given value that was parsed successfully. */
export interface ConfiguredValue {
  readonly value: unknown;
  readonly source: Source;
}

/**
 * The configuration of each app, by clientid: the values given for it, otherwise the server's. Its
 * folders are named after the app, a secret is never inherited, and the connections are shared
 * equally.
 */
export function appConfigsOf(
  server: Config,
  found: ReadonlyMap<string, ReadonlyMap<Key, ConfiguredValue>>,
): Config[] {
  return [...found].map(([clientid, own]) => {
    const current = currentValues((key) => {
      const given = serverKeys.has(key) ? undefined : own.get(key);
      return given ?? inherited(key, clientid, server, found.size);
    });
    return { ...server, ...current, clientid, apps: [] };
  });
}

/** A value for every key, and its source. */
export function currentValues(
  currentOf: (key: Key) => ConfiguredValue,
): Pick<Config, 'values' | 'sources'> {
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const key of keys) {
    const { value, source } = currentOf(key);
    values[key] = value;
    sources[key] = source;
  }
  // Every key was parsed by its own setting.
  return { values: values as Values, sources: sources as Record<Key, Source> };
}

function inherited(key: Key, clientid: string, server: Config, apps: number): ConfiguredValue {
  const { values } = server;
  const source = server.sources[key];
  switch (key) {
    case 'secret':
      return { value: undefined, source: { kind: 'default' } };
    case 'models':
    case 'data':
      return { value: join(values[key], clientid), source };
    case 'types':
      return { value: typesOfApp(values.types, clientid), source };
    case 'limits.connections':
      return { value: Math.ceil(values[key] / apps), source };
    default:
      return { value: values[key], source };
  }
}

/** `really-blog.d.ts` in place of `really.d.ts`. */
function typesOfApp(file: string | false, clientid: string): string | false {
  if (file === false) return false;
  return join(dirname(file), basename(file).replace(/(\.d)?\.m?ts$/, `-${clientid}$&`));
}
