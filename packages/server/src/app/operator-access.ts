import { systemPlatform } from '../platform/system.js';
import type { Config } from './config.js';
import { secretOf } from './secret.js';

/** Where a server with this configuration is reached from its own machine, and what shows it that an operator asks. */
export function operatorAccess(config: Config): { readonly url: string; readonly secret: string } {
  const { values } = config;
  const scheme = values['tls.cert'] === undefined ? 'http' : 'https';
  const host = values.host === '0.0.0.0' || values.host === '::' ? '127.0.0.1' : values.host;
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${values.port}`;
  return { url, secret: secretOf(config, systemPlatform) };
}
