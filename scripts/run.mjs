// `node scripts/run.mjs NAME …` runs scripts/NAME.mjs on a Node.js that is supported. Where the one at hand is older, or
// `node scripts/run.mjs --node 24 NAME …` asks for another major version, it fetches that into node_modules
// and goes on with it. Everything here has to run on old versions of Node.js.
import { basename, delimiter, dirname, join } from 'node:path';
import { runToEnd } from './child.mjs';
import { fetchNode } from './fetch-node.mjs';
import { isSupported, majorOf, oldest } from './node-version.mjs';
import { installPackages, root } from './prepare.mjs';

const given = process.argv.slice(2);
const wanted = given[0] === '--node' ? Number(given.splice(0, 2)[1]) : undefined;
const [name, ...args] = given;
const { node: running } = process.versions;

if (wanted !== undefined && !(wanted >= majorOf(oldest))) {
  process.stderr.write(`--node: expected a major version from ${majorOf(oldest)} on\n`);
  process.exitCode = 2;
} else if (isSupported(running) && (wanted ?? majorOf(running)) === majorOf(running)) {
  process.argv.splice(2, process.argv.length, ...args);
  await import(`./${name}.mjs`);
} else {
  process.exitCode = await goOnWith(wanted ?? majorOf(oldest));
}

/** Ends as the script does. */
async function goOnWith(major) {
  let node;
  try {
    // First, since it empties node_modules.
    installPackages();
    node = fetchNode(major);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  return await runToEnd(node, [join(root, `scripts/${name}.mjs`), ...args], {
    env: environmentOf(node),
  });
}

/** What that starts finds the same Node.js: by the path, and by what npm says. */
function environmentOf(node) {
  const env = { ...process.env };
  // Windows spells it `Path`.
  const path = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') || 'PATH';
  env[path] = env[path] ? `${dirname(node)}${delimiter}${env[path]}` : dirname(node);
  for (const key of ['NODE', 'npm_node_execpath']) {
    if (env[key] && /^node(\.exe)?$/.test(basename(env[key]))) env[key] = node;
  }
  return env;
}
