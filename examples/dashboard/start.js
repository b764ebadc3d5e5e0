// Builds what is needed, and runs `really dev` and the simulated machines until Ctrl-C. `npm start -- --rate 1000`:
// so many updates a second; other flags are those of `really dev`.
import './build.js';
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const flags = process.argv.slice(2);
const rate = Number(taken('rate') ?? 200);
// For `really token`, too.
process.env.REALLY_DATA = taken('data') ?? process.env.REALLY_DATA ?? 'data';

const options = { cwd: import.meta.dirname, shell: process.platform === 'win32' };
const server = spawn('really', ['dev', ...flags], {
  ...options,
  stdio: ['inherit', 'pipe', 'inherit'],
});
// Ctrl-C reaches the server, too; this waits until it has stopped.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => server.kill('SIGTERM'));
server.on('error', (error) => {
  console.error(`${error.message}: start this with npm start`);
  process.exit(1);
});
server.on('exit', (code) => process.exit(code ?? 1));

server.stdout.setEncoding('utf8').on('data', (text) => {
  process.stdout.write(text);
  const [url] = /https?:\/\/\S+/.exec(text) ?? [];
  if (url) void begin(url);
});

let begun = false;
async function begin(url) {
  if (begun) return;
  begun = true;
  const { simulate } = await import('./dist/simulate.js');
  await simulate({ url, token, rate });
}

/** As `npx really token --uid simulator` prints it; asked again before it expires. */
async function token() {
  const { stdout } = await promisify(execFile)('really', ['token', '--uid', 'simulator'], options);
  return stdout.trim();
}

/** The value of a flag, which is taken out of them. */
function taken(name) {
  const at = flags.indexOf(`--${name}`);
  return at < 0 ? undefined : flags.splice(at, 2)[1];
}
