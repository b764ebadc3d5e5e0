// Builds what the page needs, and runs the inbox and `really dev` until Ctrl-C. Flags pass through: `npm start -- --port 9001`.
import './build.js';
import { spawn } from 'node:child_process';
import { startInbox } from './inbox.js';

const inbox = await startInbox().catch((error) => {
  console.error(`The inbox cannot start: ${error.message}. Is the tracker running already?`);
  process.exit(1);
});
console.log(`The inbox, with emails and events: http://127.0.0.1:${inbox.address().port}`);
const server = spawn('really', ['dev', ...process.argv.slice(2)], {
  cwd: import.meta.dirname,
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
// Ctrl-C reaches the server, too; this waits until it has stopped.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.on('error', (error) => {
  console.error(`${error.message}: start this with npm start`);
  process.exit(1);
});
server.on('exit', (code) => process.exit(code ?? 1));
