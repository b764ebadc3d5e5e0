// Builds the page whenever src/ changes, and runs `really dev` until Ctrl-C. Flags pass through: `npm run dev -- --port 9001`.
import { spawn } from 'node:child_process';
import { watch } from 'rolldown';
import config from './rolldown.config.js';

const define = { 'process.env.NODE_ENV': '"development"' };
const watcher = watch({ ...config, transform: { define } });
const isBuilt = new Promise((resolve) => {
  watcher.on('event', async (event) => {
    if (event.code === 'ERROR') console.error(event.error.message);
    if (event.code === 'BUNDLE_END') await event.result.close();
    if (event.code === 'END' || event.code === 'ERROR') resolve();
  });
});
await isBuilt;

const server = spawn('really', ['dev', ...process.argv.slice(2)], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
// Ctrl-C reaches the server, too; this waits until it has stopped.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.on('error', (error) => {
  console.error(`${error.message}: start this with npm run dev`);
  process.exit(1);
});
server.on('exit', (code) => process.exit(code ?? 1));
