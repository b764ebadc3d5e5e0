import type { Key, Mode, Values } from './config-keys.js';

/** The configuration of a server. Made by `readConfig`, so every value is valid. */
export interface Config {
  readonly mode: Mode;
  /** The app's folder, absolute. */
  readonly folder: string;
  readonly values: Values;
  readonly sources: Readonly<Record<Key, Source>>;
  /** With several apps: the app's name before the domain. */
  readonly clientid?: string | undefined;
  /** With several apps, the configuration of each; otherwise empty. */
  readonly apps: readonly Config[];
}

/** The source of the current value. */
export type Source =
  | { readonly kind: 'default' }
  /** `where`: `--port`, `REALLY_PORT` or `really.yaml:3:7`. */
  | { readonly kind: 'flag' | 'environment' | 'file'; readonly where: string };

/** What a configuration is read from. */
export interface ConfigSources {
  readonly mode: Mode;
  /** The app's folder: contains `really.yaml`, and relative paths start here. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text by key, as given on the command line. */
  readonly flags: Readonly<Partial<Record<Key, string>>>;
}
