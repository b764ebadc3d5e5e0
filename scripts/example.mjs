// `npm run tracker` and its like, `node scripts/run.mjs example NAME`: installs and builds what is missing, and runs that example. Flags
// pass through.
import { prepare, root, runNpm } from './prepare.mjs';

const [name, ...flags] = process.argv.slice(2);
try {
  prepare();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
const args = ['start', '--silent', '--workspace', `examples/${name}`, '--', ...flags];
const { status } = runNpm(args, { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
