// Builds everything: the RQL parser from its grammar, then all packages by project references.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import peggy from 'peggy';
import { rolldown } from 'rolldown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function buildGrammar() {
  const source = join(root, 'packages/protocol/src/rql/grammar.peggy');
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
    const folder = join(source, entry.parentPath.slice(target.length));
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

// What `really init` copies: the template, with the connection of the example, of which there is to be one only.
function composeTemplate() {
  const target = join(root, 'packages/server/dist/templates/app');
  rmSync(target, { recursive: true, force: true });
  cpSync(join(root, 'packages/server/templates/app'), target, { recursive: true });
  cpSync(join(root, 'examples/board/public/connection.js'), join(target, 'public/connection.js'));
}

// One file in place of the hundreds that the library comes in; see the source of it.
async function bundleTypebox() {
  const library = join(root, 'node_modules/typebox/package.json');
  const target = join(root, 'packages/protocol/dist/typebox.js');
  const banner = `// typebox ${JSON.parse(readFileSync(library, 'utf8')).version}, bundled`;
  if (existsSync(target) && readFileSync(target, 'utf8').startsWith(banner)) return;
  const source = join(root, 'packages/protocol/src/typebox.ts');
  const bundle = await rolldown({ input: source, platform: 'neutral' });
  await bundle.write({ file: target, format: 'es', postBanner: banner });
  await bundle.close();
}

buildGrammar();
for (const project of ['packages/protocol', 'packages/server', 'test', 'bench']) {
  removeLeftovers(project);
}
composeTemplate();
try {
  buildTypeScript();
} catch {
  // tsc has said what is wrong.
  process.exitCode = 1;
}
if (process.exitCode !== 1) await bundleTypebox();
