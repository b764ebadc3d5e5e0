// `npm test`: installs and builds what is missing, runs the tests (`npm test -- test/src/cli/bench` picks some),
// and ends with their total: `N passed, N failed, N skipped`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from './child.mjs';
import { prepare, root } from './prepare.mjs';

const folder = mkdtempSync(join(tmpdir(), 'really-totals-'));
const totals = join(folder, 'totals.json');
let code = 1;
try {
  prepare();
  // Not before it is installed.
  const { withBuiltPaths } = await import('./test-paths.mjs');
  const args = withBuiltPaths(process.argv.slice(2));
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/totals.mjs')}`];
  code = await runToEnd(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TOTALS: totals },
  });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
}
const total = readTotals();
rmSync(folder, { recursive: true, force: true });
// What broke outside any test is a failure too.
if (code !== 0 && total.failed === 0) total.failed = 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = code;

function readTotals() {
  try {
    return JSON.parse(readFileSync(totals, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
