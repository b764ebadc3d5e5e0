// Fetches a Node.js from the registry of npm. Has to run on old versions of Node.js.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isSupported, majorOf, oldest } from './node-version.mjs';
import { root, runNpm } from './prepare.mjs';

/** The path of a Node.js of that major version, which is fetched where it is not there. Throws where that cannot be. */
export function fetchNode(major) {
  const folder = join(root, 'node_modules', `.node-${major}`);
  const there = binaryIn(folder);
  if (there) return there;
  const { node: running } = process.versions;
  const why = isSupported(running) ? '' : `, and ${oldest} or later is needed`;
  process.stderr.write(`This is Node.js ${running}${why}: fetching Node.js ${major} …\n`);
  // Under another name until it is whole: it may be stopped, and others may fetch it too.
  const draft = `${folder}.${process.pid}`;
  try {
    install(draft, major);
    putInPlace(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return binaryIn(folder);
}

/**
 * The packages that bring the binary. The one of the platform needs no install script, which npm may be told not to run;
 * `node` brings the same by such a script, and knows platforms by names that may change.
 */
function packages({ platform, arch } = process) {
  const system = platform === 'win32' ? 'win' : platform;
  const machine = system === 'win' && arch === 'ia32' ? 'x86' : arch;
  const prefix = platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node';
  return [`${prefix}-${system}-${machine}`, 'node'];
}

function binaryIn(folder) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  return packages()
    .map((from) => join(folder, 'node_modules', from, 'bin', name))
    .find((path) => existsSync(path));
}

function install(folder, major) {
  const problems = [];
  for (const from of packages()) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // With a package.json it is a project of its own for npm, and no part of this one.
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const args = ['install', '--no-save', '--no-audit', '--no-fund', `${from}@${major}`];
    const { error, stderr } = runNpm(args, { cwd: folder, encoding: 'utf8', env: environment() });
    const binary = binaryIn(folder);
    const problem = binary ? problemOf(binary, major) : 'it brought no binary';
    if (problem === undefined) return;
    problems.push(`${from}@${major}: ${problem}`, error ? error.message : stderr.trim());
  }
  throw new Error(
    `Node.js ${major} could not be fetched; install Node.js ${oldest} or later yourself\n${problems.filter(Boolean).join('\n')}`,
  );
}

/** A binary may be there and not run, where it was made for another C library for instance. */
function problemOf(binary, major) {
  const { status, stdout, error, stderr } = spawnSync(binary, ['-p', 'process.versions.node'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== 0) return `it does not run here: ${error ? error.message : stderr.trim()}`;
  const version = stdout.trim();
  const isWanted = majorOf(version) === major && isSupported(version);
  return isWanted ? undefined : `it brought Node.js ${version}`;
}

/** What npm was told for the command that runs this is not meant for what is fetched. */
function environment() {
  const settings =
    /^npm_config_(global|location|prefix|local_prefix|workspaces?|include_workspace_root|omit|only|production|dry_run|package_lock_only|json)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));
}

function putInPlace(draft, folder) {
  try {
    renameSync(draft, folder);
  } catch {
    // Another process was first, or an older one left a folder without a binary.
    if (binaryIn(folder)) return;
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  }
}
