import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine, table } from './report.js';

// How long the compiler takes for the written types of a large app: 200 collections of 50 fields, each read, created and
// updated by a program with the client.

const collections = Number(process.env.BENCH_COLLECTIONS ?? 200);
const fields = Number(process.env.BENCH_FIELDS ?? 50);
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);

const fromRoot = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const kinds = [
  'String',
  'Long',
  'Double',
  'Boolean',
  'Date',
  'List, items: String',
  'String, enum: [a, b, c]',
  'reference, collectionR: /items0, fields: [f0]',
  'Object, fields: { a: { type: String }, b: { type: Long } }',
];

function modelOf(): string {
  const lines = Array.from({ length: fields }, (_, at) => {
    return `  f${at}: { type: ${kinds[at % kinds.length]} }`;
  });
  return `version: 1\nfields:\n${lines.join('\n')}\naccess: { read: true }\n`;
}

function programOf(): string {
  const uses = Array.from({ length: collections }, (_, at) => {
    const r = `/items${at}`;
    return `export async function use${at}(id: string) {
  const made = await really.collection('${r}').create({ f0: 'a', f1: 1, f5: ['a'] });
  const { f0, f3 } = await really.object(\`${r}/\${id}\`).get({ fields: ['f0', 'f3'] });
  await really.object('${r}/1').update((u) => u.set('f0', 'b').addNumber('f1', 1).push('f5', 'c'));
  return [made.f1, f0, f3, really.live(really.collection('${r}'), { sort: '-f1' }).value?.[0]?.f8?.b];
}`;
  });
  return `import { Really } from '@really/client';
import type { Models } from './really.js';
const really = new Really<Models>('ws://x', { token: 't' });
${uses.join('\n')}
`;
}

/** Seconds of a check of the program with the types. */
function check(tsc: string, dir: string): number {
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
  const begun = performance.now();
  const files = ['--lib', 'es2023,dom', '--skipLibCheck', 'use.ts'];
  execFileSync(process.execPath, [tsc, ...options, ...files], { cwd: dir, stdio: 'inherit' });
  return (performance.now() - begun) / 1000;
}

const dir = mkdtempSync(join(tmpdir(), 'really-types-'));
try {
  for (let at = 0; at < collections; at++) {
    mkdirSync(join(dir, `models/items${at}`), { recursive: true });
    writeFileSync(join(dir, `models/items${at}/model.yaml`), modelOf());
  }
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(fromRoot('node_modules/@really'), join(dir, 'node_modules/@really'));
  const write = ['models', 'types', '--out', 'really.d.ts'];
  execFileSync(process.execPath, [fromRoot('packages/server/bin/really.js'), ...write], {
    ...{ cwd: dir, stdio: 'ignore' },
  });
  writeFileSync(join(dir, 'use.ts'), programOf());
  const compilers = {
    'TypeScript 7': fromRoot('node_modules/typescript/bin/tsc'),
    'TypeScript 5.9': fromRoot('test/node_modules/typescript/bin/tsc'),
  };
  const rows = Object.entries(compilers).map(([name, tsc]) => {
    const seconds = Array.from({ length: rounds }, () => check(tsc, dir));
    return [`${collections} × ${fields} fields, ${name}`, Math.min(...seconds).toFixed(2)];
  });
  console.log(`\nMeasured on ${machine()}; the best of ${rounds} rounds.\n`);
  console.log(table(['types of an app', 'seconds'], rows));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
