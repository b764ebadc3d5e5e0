import { systemPlatform } from '../../platform/system.js';
import { appConfig, withSecret } from './apps.js';
import { ConfigError } from './config.js';
import type { Config } from './config-definition.js';
import { secretOf } from './secret.js';

/** How an operator of an app reaches it from the machine that it runs on. */
export interface OperatorAccess {
  readonly url: string;
  /** The name to ask for there, where the server has several apps. */
  readonly host: string | undefined;
  /** What shows that an operator asks. */
  readonly secret: string;
}

/** Where the server that is started with this configuration is reached from its machine. Throws a `ConfigError` where that cannot be known. */
export function serverUrl({ values }: Config): string {
  if (values.port === 0) {
    throw new ConfigError(['port: 0 has the server pick one, and which is not known: give --port']);
  }
  const scheme = values['tls.cert'] === undefined ? 'http' : 'https';
  const host = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${values.port}`;
}

/** What the flags of these names say. */
export interface OperatorFlags {
  readonly app: string | undefined;
  readonly secret: string | undefined;
  readonly url?: string | undefined;
}

/** Throws a `ConfigError` where it is not clear which app is meant, or where its server is. */
export function operatorAccess(
  server: Config,
  { app, secret, url }: OperatorFlags,
): OperatorAccess {
  const config = appConfig(server, app);
  return {
    url: url ?? serverUrl(server),
    // A URL says by itself which app is meant.
    host:
      url !== undefined || config.clientid === undefined
        ? undefined
        : `${config.clientid}.${server.values.domain}`,
    secret: secretOf(withSecret(config, secret), systemPlatform),
  };
}
