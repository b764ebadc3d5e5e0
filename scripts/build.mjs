// Builds everything: the RQL parser from its grammar, then all packages by project references.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import peggy from 'peggy';

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

function buildTypeScript() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-b', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
  });
}

buildGrammar();
try {
  buildTypeScript();
} catch {
  // tsc has said what is wrong.
  process.exitCode = 1;
}
