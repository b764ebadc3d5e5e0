import { ConfigError } from './config.js';
import type { Config } from './config-definition.js';
import { settings } from './config-keys.js';
import { nearest } from './config-names.js';

/** The configurations to work on: of each app, or of the named one; with a single app, the server's own. */
export function appConfigs(config: Config, clientid?: string | undefined): readonly Config[] {
  if (clientid !== undefined) return [appConfig(config, clientid)];
  return config.apps.length > 0 ? config.apps : [config];
}

/** The configuration of the named app, or of the only one. Throws a `ConfigError` that lists the apps. */
export function appConfig(config: Config, clientid?: string | undefined): Config {
  const { apps } = config;
  if (clientid === undefined) {
    const [only = config, ...others] = apps;
    if (others.length === 0) return only;
    throw new ConfigError(`--app is missing: there are ${namesOf(apps)}`);
  }
  const app = apps.find((candidate) => candidate.clientid === clientid);
  if (app) return app;
  if (apps.length === 0) throw new ConfigError('--app: the server is one app, without a clientid');
  const like = nearest(
    clientid,
    apps.map((candidate) => candidate.clientid ?? ''),
  );
  throw new ConfigError(`--app: there is no app ${clientid}; did you mean ${like}?`);
}

/** The configuration with the secret of `--secret`, if given. */
export function withSecret(config: Config, secret: string | undefined): Config {
  if (secret === undefined) return config;
  const parsed = settings.secret.kind.parse(secret, config.folder);
  if (!parsed.ok) throw new ConfigError(`--secret: ${parsed.problem}`);
  return { ...config, values: { ...config.values, secret: parsed.value } };
}

/** Only the first few of many. */
function namesOf(apps: readonly Config[]): string {
  const names = apps.map(({ clientid }) => clientid ?? '');
  return names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and others`;
}
