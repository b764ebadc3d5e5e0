import { systemPlatform } from '../platform/system.js';
import { appConfig, withSecret } from './apps.js';
import type { Config } from './config.js';
import { secretOf } from './secret.js';

/** How an operator of an app reaches it from the machine that it runs on. */
export interface OperatorAccess {
  readonly url: string;
  /** The name to ask for there, where the server has several apps. */
  readonly host: string | undefined;
  /** What shows that an operator asks. */
  readonly secret: string;
}

/** `app` and `secret` are what the flags of these names say. Throws where it is not clear which app is meant. */
export function operatorAccess(
  server: Config,
  { app, secret }: { readonly app: string | undefined; readonly secret: string | undefined },
): OperatorAccess {
  const { values } = server;
  const config = appConfig(server, app);
  const scheme = values['tls.cert'] === undefined ? 'http' : 'https';
  const host = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host;
  return {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${values.port}`,
    host: config.clientid === undefined ? undefined : `${config.clientid}.${values.domain}`,
    secret: secretOf(withSecret(config, secret), systemPlatform),
  };
}
