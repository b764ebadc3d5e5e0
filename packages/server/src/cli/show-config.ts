import { configRows } from '../app/config/config-report.js';
import { appConfig } from '../app/config/selected-apps.js';
import { appFlagOf, configInForce, type ProgramOptions } from './config-flags.js';
import type { ExitCode } from './report-error.js';

/** `really config`: key, current value and its source, in columns; secrets masked. */
export async function showConfig(options: ProgramOptions): Promise<ExitCode> {
  const config = configInForce('production', options);
  const app = appFlagOf(options);
  const rows = configRows(app === undefined ? config : appConfig(config, app)).map((row) => {
    const { key, value, source } = row;
    const isHost = key === 'host' && source === 'default';
    return isHost ? { ...row, value: `${value} (in dev 127.0.0.1)` } : row;
  });
  const width = (of: 'key' | 'value') => Math.max(...rows.map((row) => row[of].length));
  const [keyWidth, valueWidth] = [width('key'), width('value')];
  for (const { key, value, source } of rows) {
    process.stdout.write(`${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${source}\n`);
  }
  return 0;
}
