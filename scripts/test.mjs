// `npm test`: installs and builds what is missing, runs the tests (`npm test -- path` picks some),
// and ends with their total: `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

const folder = mkdtempSync(join(tmpdir(), 'really-totals-'));
const totals = join(folder, 'totals.json');
let passed = true;
try {
  prepare();
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/totals.mjs')}`];
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', ...reporters, ...process.argv.slice(2)],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, TOTALS: totals } },
  );
  passed = status === 0;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  passed = false;
}
const total = readTotals();
rmSync(folder, { recursive: true, force: true });
// What broke outside any test is a failure too.
if (!passed && total.failed === 0) total.failed = 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = passed ? 0 : 1;

function readTotals() {
  try {
    return JSON.parse(readFileSync(totals, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
