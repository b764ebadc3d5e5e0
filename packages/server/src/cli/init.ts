import { initApp, type Template } from '../app/offline/init-app.js';
import type { ExitCode } from './report-error.js';

/** `really init DIR`: creates a new app and prints the next steps. */
export async function init(folder: string, template: Template): Promise<ExitCode> {
  await initApp(folder, template);
  process.stdout.write(`A new app is in ${folder}.

  cd ${folder}
  npm install
  npm run dev
`);
  return 0;
}
