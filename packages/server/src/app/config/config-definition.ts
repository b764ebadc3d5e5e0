import type { Key, Mode, Values } from './config-keys.js';

/** What a server is started with. Made by `readConfig`, so everything in it is sound. */
export interface Config {
  readonly mode: Mode;
  /** The app's folder, absolute. */
  readonly folder: string;
  readonly values: Values;
  readonly sources: Readonly<Record<Key, Source>>;
  /** Of one app of the hosted form: its name before the domain. */
  readonly clientid?: string | undefined;
  /** In the hosted form, what is in force for each app; else empty: the server is the one app. */
  readonly apps: readonly Config[];
}

/** Where the value in force came from. */
export type Source =
  | { readonly kind: 'default' }
  /** `where`: `--port`, `REALLY_PORT` or `really.yaml:3:7`. */
  | { readonly kind: 'flag' | 'environment' | 'file'; readonly where: string };

/** What a configuration is read from. */
export interface ConfigSources {
  readonly mode: Mode;
  /** The app's folder: `really.yaml` and relative paths are looked up there. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Text by key, as given on the command line. */
  readonly flags: Readonly<Partial<Record<Key, string>>>;
}
