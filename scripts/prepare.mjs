// What `npm start` and `npm test` do first: install and build what is missing. Says so on stderr,
// for stdout belongs to what comes after.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Throws where the install or the build failed; the tool itself has said why. */
export function prepare() {
  installPackages();
  // The build knows by itself what is older than its sources.
  if (!isBuilt()) say('building');
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], outputToStderr);
  if (status !== 0) throw new Error('building failed');
}

/** Installs what the lock file says, where anything of it is missing. */
export function installPackages() {
  if (isInstalled()) return;
  say('installing');
  // Also what is for development, whatever NODE_ENV says.
  const args = ['ci', '--no-audit', '--no-fund', '--include=dev'];
  const { status, error } = runNpm(args, outputToStderr);
  if (status !== 0) throw new Error(`installing failed${error ? `: ${error.message}` : ''}`);
}

/** Is what the lock file says what is there? npm keeps a list of what it installed. */
function isInstalled() {
  const installed = packagesIn('node_modules/.package-lock.json');
  const locked = packagesIn('package-lock.json');
  if (installed === undefined) return false;
  return Object.entries(locked ?? {}).every(([path, wanted]) => {
    if (path === '' || wanted.optional || wanted.link) return true;
    return installed[path] === undefined
      ? !path.includes('node_modules/') && existsSync(join(root, path))
      : installed[path].version === wanted.version;
  });
}

function packagesIn(file) {
  const path = join(root, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined;
}

const isBuilt = () => existsSync(join(root, 'packages/server/dist/cli/main.js'));

const outputToStderr = { cwd: root, stdio: ['ignore', 2, 2] };

const say = (what) => process.stderr.write(`${what} …\n`);

/** Runs npm to its end: the one that runs this script, or else the one that the path leads to. */
export function runNpm(args, options) {
  const program = process.env.npm_execpath;
  // Without a shell, since not every path is a word for it.
  return program && basename(program) === 'npm-cli.js'
    ? spawnSync(process.execPath, [program, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}
