import { appConfig, withSecret } from '../app/config/selected-apps.js';
import { mintToken } from '../app/offline/mint-token.js';
import { appFlagOf, configInForce, type ProgramOptions } from './config-flags.js';
import type { ExitCode } from './report-error.js';
import type { TokenOptions } from './token-options.js';

/** `really token`: prints a token, signed as the server in this folder would sign it. */
export async function printToken(options: ProgramOptions): Promise<ExitCode> {
  // Commander has parsed and validated the options.
  const { uid, r, data, expires, authType, admin, secret } = options as unknown as TokenOptions;
  // Any configured secret will do: `start` checks whether it is fit for production.
  const app = appConfig(configInForce('development', {}), appFlagOf(options));
  const config = withSecret(app, secret);
  const token = await mintToken(config, { uid, authType, _r: r, data, admin, life: expires });
  process.stdout.write(`${token}\n`);
  return 0;
}
