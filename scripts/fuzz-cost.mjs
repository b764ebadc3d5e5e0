// `npm run fuzz:cost -- --minutes 60 --seed 1`: installs and builds what is missing, and looks for the requests that cost a
// server most. `--help` tells the rest.
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

try {
  prepare();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
await import(join(root, 'test/dist/fuzz/cost/main.js'));
