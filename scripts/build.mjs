// Builds everything: the RQL parser from its grammar, then all packages by project references.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import peggy from 'peggy';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function buildGrammar() {
  const source = join(root, 'packages/protocol/src/rql/grammar.peggy');
  // The compiler reads declarations, and leaves it to others to bring them along.
  const types = 'packages/protocol/src/rql/grammar.d.ts';
  cpSync(join(root, types), join(root, types.replace('/src/', '/dist/')));
  const target = join(root, 'packages/protocol/dist/rql/grammar.js');
  const code = peggy.generate(readFileSync(source, 'utf8'), {
    output: 'source',
    format: 'es',
    grammarSource: 'grammar.peggy',
  });
  if (existsSync(target) && readFileSync(target, 'utf8') === code) return;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, code);
}

// The compiler leaves what it made of a source that is gone, and a test that is gone would go on failing.
function removeLeftovers(project) {
  const [source, target] = [join(root, project, 'src'), join(root, project, 'dist')];
  if (!existsSync(target)) return;
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
    const made = /^(.+?)(?:\.js|\.js\.map|\.d\.ts)$/.exec(entry.name);
    if (made === null || !entry.isFile()) continue;
    const path = entry.parentPath.slice(target.length);
    // Copied, not compiled.
    if (path.startsWith(`${sep}templates`)) continue;
    const folder = join(source, path);
    const sources = [`${made[1]}.ts`, `${made[1]}.peggy`];
    if (sources.some((name) => existsSync(join(folder, name)))) continue;
    rmSync(join(entry.parentPath, entry.name));
  }
}

function buildTypeScript() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-b', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
}

const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

// Tests run the build while others use what it made. So a file that is as it should be stays, and a folder is changed only where it has to be.
function replaceFolder(target, fill) {
  const draft = `${target}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  fill(draft);
  if (isSameFolder(draft, target)) {
    rmSync(draft, { recursive: true });
    return;
  }
  rmSync(target, { recursive: true, force: true });
  renameSync(draft, target);
}

function isSameFolder(one, other) {
  const names = filesIn(one);
  if (names.join() !== filesIn(other).join()) return false;
  return names.every((name) => isSameFile(join(one, name), readFileSync(join(other, name))));
}

function filesIn(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length)).sort();
}

const isSameFile = (path, content) => existsSync(path) && readFileSync(path).equals(content);

// What `really init` copies: for each template what all have, and its own.
function composeTemplates() {
  replaceFolder(join(root, 'packages/server/dist/templates'), fillTemplates);
}

function fillTemplates(target) {
  const source = join(root, 'packages/server/templates');
  const { version } = readJson('packages/server/package.json');
  for (const name of ['plain', 'react']) {
    for (const part of ['common', name]) {
      cpSync(join(source, part), join(target, name), { recursive: true });
    }
    const app = readJson(`packages/server/templates/${name}/package.json`);
    for (const [dependency, wanted] of Object.entries(app.dependencies)) {
      if (wanted === '*') app.dependencies[dependency] = `^${version}`;
    }
    writeFileSync(join(target, name, 'package.json'), `${JSON.stringify(app, null, 2)}\n`);
  }
  // Its page is not bundled, so it has the client in one file.
  const file = join(root, 'packages/client/dist/browser.js');
  cpSync(file, join(target, 'plain/public/really-client.js'));
}

// The pages that `really dev` shows belong to the program, wherever it is installed.
function copyDocs() {
  const source = join(root, 'docs');
  replaceFolder(join(root, 'packages/server/dist/docs'), (target) => {
    for (const name of readdirSync(source).filter((name) => name.endsWith('.md'))) {
      cpSync(join(source, name), join(target, name));
    }
  });
}

// One file in place of the hundreds that the library comes in; see the source of it.
async function bundleTypebox() {
  const target = join(root, 'packages/protocol/dist/typebox.js');
  const banner = `// typebox ${readJson('node_modules/typebox/package.json').version}, bundled`;
  if (existsSync(target) && readFileSync(target, 'utf8').startsWith(banner)) return;
  const source = join(root, 'packages/protocol/src/typebox.ts');
  const bundle = await rolldown({ input: source, platform: 'neutral' });
  await bundle.write({ file: target, format: 'es', postBanner: banner });
  await bundle.close();
}

// The client in one file, for pages without a bundler.
async function bundleClient() {
  const { version } = readJson('packages/client/package.json');
  const bundle = await rolldown({
    input: join(root, 'packages/client/src/browser.ts'),
    platform: 'browser',
    // `sideEffects` of the package names what is published. What these do when imported is needed here, too.
    treeshake: { moduleSideEffects: (id) => /\/(live|room)\/mod\.ts$/.test(id) },
    // That of live copies, which are in the same file.
    checks: { ineffectiveDynamicImport: false },
  });
  const { output } = await bundle.generate({
    format: 'es',
    minify: true,
    postBanner: `// @really/client ${version}, bundled. Apache-2.0`,
  });
  await bundle.close();
  const file = join(root, 'packages/client/dist/browser.js');
  const code = Buffer.from(output[0].code);
  if (isSameFile(file, code)) return;
  writeFileSync(`${file}.draft`, code);
  renameSync(`${file}.draft`, file);
}

buildGrammar();
for (const project of [
  'packages/protocol',
  'packages/client',
  'packages/server',
  'test',
  'bench',
]) {
  removeLeftovers(project);
}
try {
  buildTypeScript();
} catch {
  // tsc has said what is wrong.
  process.exitCode = 1;
}
if (process.exitCode !== 1) {
  await bundleTypebox();
  await bundleClient();
  composeTemplates();
  copyDocs();
}
