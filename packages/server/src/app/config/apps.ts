import { ConfigError } from './config.js';
import type { Config } from './config-definition.js';
import { settings } from './config-keys.js';
import { nearest } from './config-names.js';

/**
 * The configurations to work on: of each app of the hosted form, or of the one that was named; a server that is one
 * app has its own.
 */
export function appConfigs(config: Config, clientid?: string | undefined): readonly Config[] {
  if (clientid !== undefined) return [appConfig(config, clientid)];
  return config.apps.length > 0 ? config.apps : [config];
}

/**
 * The configuration of one app, for what works on one: the named one, or the only one there is. Throws a `ConfigError`
 * that says which ones there are.
 */
export function appConfig(config: Config, clientid?: string | undefined): Config {
  const { apps } = config;
  if (clientid === undefined) {
    const [only = config, ...others] = apps;
    if (others.length === 0) return only;
    throw misuse(`--app is missing: there are ${namesOf(apps)}`);
  }
  const app = apps.find((one) => one.clientid === clientid);
  if (app) return app;
  if (apps.length === 0) throw misuse('--app: the server is one app, without a clientid');
  const like = nearest(
    clientid,
    apps.map((one) => one.clientid ?? ''),
  );
  throw misuse(`--app: there is no app ${clientid}; did you mean ${like}?`);
}

/** With another secret than it has, where one is given by `--secret`. */
export function withSecret(config: Config, secret: string | undefined): Config {
  if (secret === undefined) return config;
  const parsed = settings.secret.kind.parse(secret, config.folder);
  if (!parsed.ok) throw misuse(`--secret: ${parsed.problem}`);
  return { ...config, values: { ...config.values, secret: parsed.value } };
}

const misuse = (problem: string): ConfigError => new ConfigError([problem]);

/** The first few, where there are many. */
function namesOf(apps: readonly Config[]): string {
  const names = apps.map(({ clientid }) => clientid ?? '');
  return names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and others`;
}
