#!/usr/bin/env node
// Has to run on old versions of Node.js, so that it can say that they are too old.
import { existsSync, readFileSync } from 'node:fs';

const program = new URL('../dist/cli/main.js', import.meta.url);
const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const oldest = /\d+\.\d+/.exec(engines.node)[0];
const [oldestMajor, oldestMinor] = oldest.split('.').map(Number);
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
  process.stderr.write(
    `really: Node.js ${oldest} or later is needed, and this is ${process.versions.node}\n`,
  );
  process.exitCode = 2;
} else if (existsSync(program)) {
  void import(program.href);
} else {
  process.stderr.write('really: it is not built yet: npm run build\n');
  process.exitCode = 2;
}
