// What `npm start` and `npm test` do first: install and build what is missing. Says so on stderr,
// for stdout belongs to what comes after.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Throws where the install or the build failed; the tool itself has said why. */
export function prepare() {
  installPackages();
  // The build knows by itself what is older than its sources.
  run('building', process.execPath, [join(root, 'scripts/build.mjs')], { quietly: isBuilt() });
}

/** Installs what the lock file says, where anything of it is missing. */
export function installPackages() {
  if (!isInstalled()) run('installing', npm(), ['ci', '--no-audit', '--no-fund']);
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

export const npm = () => (process.platform === 'win32' ? 'npm.cmd' : 'npm');

function run(what, command, args, { quietly = false } = {}) {
  if (!quietly) process.stderr.write(`${what} …\n`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${what} failed`);
}
