// `npm run bench`: installs and builds what is missing, and measures. See bench/README.md.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

try {
  prepare();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
// Measured by programs of their own.
const own = ['connections', 'types'].find((name) => name === process.argv[2]);
const main = join(root, 'bench/dist', `${own ?? 'main'}.js`);
if (existsSync(main)) {
  await import(main);
} else {
  process.stderr.write('there is no benchmark in bench/ yet\n');
  process.exitCode = 1;
}
