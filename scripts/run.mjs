// `node scripts/run.mjs NAME …` runs scripts/NAME.mjs on a Node.js that is supported. Where the one at hand is older (or
// `--node 24` asks for another major version), it fetches the npm package `node`, which brings the binary,
// into node_modules and goes on with that. Everything here has to run on old versions of Node.js.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { installPackages, npm, root } from './prepare.mjs';

/** The version that is fetched: the oldest one that is supported. */
const oldest = /\d+\.\d+/.exec(
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node,
)[0];

const [name, ...args] = withoutNodeFlag(process.argv.slice(2));
const wanted = process.argv.includes('--node') ? nodeFlag() : undefined;
const [running] = process.versions.node.split('.');

if (wanted === undefined ? isSupported(process.versions.node) : wanted === running) {
  process.argv.splice(2, process.argv.length, ...args);
  await import(`./${name}.mjs`);
} else {
  goOnWith(wanted ?? oldest.split('.')[0]);
}

function nodeFlag() {
  return process.argv[process.argv.indexOf('--node') + 1];
}

function withoutNodeFlag(words) {
  const at = words.indexOf('--node');
  return at === -1 ? words : [...words.slice(0, at), ...words.slice(at + 2)];
}

function isSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/** Ends as the script does. */
function goOnWith(major) {
  let node;
  try {
    // First, since it removes what else is in node_modules.
    installPackages();
    node = fetchNode(major);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [join(root, 'scripts/run.mjs'), name, ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
  });
  // Ctrl-C reaches the child from the terminal, and must not end this process before it.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 128);
  });
}

/** The path of the binary. */
function fetchNode(major) {
  const folder = join(root, 'node_modules', `.node-${major}`);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (!existsSync(binary)) {
    process.stderr.write(
      `Node.js ${process.versions.node} is not used here (${oldest} or later is needed): fetching Node.js ${major} …\n`,
    );
    const { status, stderr } = spawnSync(
      npm(),
      ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node@${major}`],
      { cwd: root, encoding: 'utf8' },
    );
    if (status !== 0 || !existsSync(binary)) {
      throw new Error(`Node.js ${major} could not be fetched:\n${stderr}`);
    }
  }
  return binary;
}
