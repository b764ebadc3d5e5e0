import { configRows } from '../app/config-report.js';
import { configInForce } from './config-flags.js';
import type { Options } from './program.js';
import type { ExitCode } from './report-error.js';

/** `really config`: key, value in force, and where it came from, in columns; secrets masked. */
export async function showConfig(options: Options): Promise<ExitCode> {
  const rows = configRows(configInForce('production', options)).map(({ key, value, source }) => ({
    key,
    value: key === 'host' && source === 'default' ? `${value} (in dev 127.0.0.1)` : value,
    source,
  }));
  const width = (of: 'key' | 'value') => Math.max(...rows.map((row) => row[of].length));
  const [keyWidth, valueWidth] = [width('key'), width('value')];
  for (const { key, value, source } of rows) {
    process.stdout.write(`${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${source}\n`);
  }
  return 0;
}
