import type { Config, Source } from './config.js';
import { type Key, keys, type Setting, settings } from './config-keys.js';

/** One line of `really config`. */
export interface ConfigRow {
  readonly key: Key;
  readonly value: string;
  /** `default`, `flag --port`, `environment REALLY_PORT`, `file really.yaml:3:7`. */
  readonly source: string;
}

/** What is in force and from where. Secrets are masked whole, so that not even their length shows. */
export function configRows(config: Config): ConfigRow[] {
  return keys.map((key) => ({
    key,
    value: shownValue(config, key),
    source: shownSource(config.sources[key]),
  }));
}

function shownValue(config: Config, key: Key): string {
  const setting: Setting<unknown> = settings[key];
  const value: unknown = config.values[key];
  if (setting.secret && value !== undefined) return '********';
  return setting.kind.show(value);
}

function shownSource(source: Source): string {
  return source.kind === 'default' ? 'default' : `${source.kind} ${source.where}`;
}
