import { initApp } from '../app/offline/init-app.js';
import type { ExitCode } from './report-error.js';

/** `really init DIR`: creates a new app and prints the next steps. */
export async function init(folder: string): Promise<ExitCode> {
  initApp(folder);
  const lines = [`A new app is in ${folder}.`, '', `  cd ${folder}`, '  npx really dev', ''];
  process.stdout.write(lines.join('\n'));
  return 0;
}
