import type { Config, Source } from './config-definition.js';
import { type Key, keys, type Setting, settings } from './config-keys.js';
import { appKeys } from './config-names.js';

/** One line of `really config`. */
export interface ConfigReportRow {
  /** `port`; for an app `apps.a6bcc.models`. */
  readonly key: string;
  readonly value: string;
  /** `default`, `flag --port`, `environment REALLY_PORT`, `file really.yaml:3:7`. */
  readonly source: string;
}

/**
 * The current values and their sources; for each app only what differs from the server. A secret is masked entirely,
 * so that not even its length shows.
 */
export function configRows(config: Config): ConfigReportRow[] {
  return [
    ...keys.map((key) => rowOf(config, key)),
    ...config.apps.flatMap((app) => appRows(app, config)),
  ];
}

function appRows(app: Config, server: Config): ConfigReportRow[] {
  const own = appKeys.filter((key) => {
    return app.values[key] !== server.values[key] || app.sources[key] !== server.sources[key];
  });
  return own.map((key) => ({ ...rowOf(app, key), key: `apps.${app.clientid}.${key}` }));
}

function rowOf(config: Config, key: Key): ConfigReportRow {
  return { key, value: shownValue(config, key), source: shownSource(config.sources[key]) };
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
