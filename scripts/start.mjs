// `npm start`: installs and builds what is missing, and runs the example board in development mode
// on SQLite in ./data. Flags pass through: `npm start -- --port 0`.
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

try {
  prepare();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
const given = process.argv.slice(2);
const data = given.some((arg) => arg === '--data' || arg.startsWith('--data='))
  ? []
  : ['--data', join(root, 'data')];
process.chdir(join(root, 'examples/board'));
await import('../examples/board/build.js');
process.argv.splice(2, given.length, 'dev', ...data, ...given);
// In this process, so that signals reach the server itself.
await import('../packages/server/bin/really.js');
