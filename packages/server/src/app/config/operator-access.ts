import { systemPlatform } from '../../platform/system.js';
import { ConfigError } from './config.js';
import type { Config } from './config-definition.js';
import { secretOf } from './secret.js';
import { appConfig, withSecret } from './selected-apps.js';

/** How an operator of an app reaches its server from the same machine. */
export interface OperatorAccess {
  readonly url: string;
  /** The host name to send, if the server has several apps. */
  readonly host: string | undefined;
  /** The secret that authorizes an operator. */
  readonly secret: string;
}

/** The URL of the server with this configuration on its own machine. Throws a `ConfigError` if it is not known. */
export function serverUrl({ values }: Config): string {
  if (values.port === 0) {
    throw new ConfigError(['port: 0 has the server pick one, and which is not known: give --port']);
  }
  const scheme = values['tls.cert'] === undefined ? 'http' : 'https';
  const host = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${values.port}`;
}

/** The values of these flags. */
export interface OperatorFlags {
  readonly app: string | undefined;
  readonly secret: string | undefined;
  readonly url?: string | undefined;
}

/** Throws a `ConfigError` if the app or its server is ambiguous. */
export function operatorAccess(
  server: Config,
  { app, secret, url }: OperatorFlags,
): OperatorAccess {
  const config = appConfig(server, app);
  return {
    url: url ?? serverUrl(server),
    // A URL already selects the app.
    host:
      url !== undefined || config.clientid === undefined
        ? undefined
        : `${config.clientid}.${server.values.domain}`,
    secret: secretOf(withSecret(config, secret), systemPlatform),
  };
}
