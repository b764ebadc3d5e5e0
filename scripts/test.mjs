// `npm test`: installs and builds what is missing, runs the tests (`npm test -- test/src/cli/bench` picks some),
// and ends with their total: `N passed, N failed, N skipped`.
// With CI set, up to three files that failed run once more: what passes then counts as passed, and is named as flaky.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runToEnd } from './child.mjs';
import { prepare, root } from './prepare.mjs';

const folder = mkdtempSync(join(tmpdir(), 'really-totals-'));
let outcome = { code: 1, files: {}, isWhole: false };
try {
  prepare();
  // Not before it is installed.
  const { withBuiltPaths } = await import('./test-paths.mjs');
  outcome = await runTests(withBuiltPaths(process.argv.slice(2)));
  const failed = Object.keys(outcome.files).filter((file) => outcome.files[file].failed > 0);
  if (process.env.CI && outcome.isWhole && failed.length >= 1 && failed.length <= 3) {
    outcome = afterSecondRun(outcome, await runTests(failed));
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
}
rmSync(folder, { recursive: true, force: true });
const total = { passed: 0, failed: 0, skipped: 0 };
for (const file of Object.values(outcome.files)) {
  for (const key of Object.keys(total)) total[key] += file[key];
}
// What broke outside any test is a failure too.
if (outcome.code !== 0 && total.failed === 0) total.failed = 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = outcome.code;

async function runTests(args) {
  const totals = join(folder, 'totals.json');
  rmSync(totals, { force: true });
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(root, 'scripts/totals.mjs')}`];
  const code = await runToEnd(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TOTALS: totals },
  });
  return { code, ...readTotals(totals) };
}

/** What failed has to pass now: a test that is skipped this time stays failed. */
function afterSecondRun(first, second) {
  let code = second.code;
  const files = { ...first.files };
  for (const [file, before] of Object.entries(first.files)) {
    if (before.failed === 0) continue;
    const now = second.files[file];
    const isMended = now?.failed === 0 && before.failures.every((name) => hasPassed(now, name));
    if (!isMended) {
      code ||= 1;
      continue;
    }
    files[file] = now;
    for (const name of before.failures) {
      process.stdout.write(`flaky: ${relative(root, file)} > ${name}\n`);
    }
  }
  return { code, files };
}

/** Also where the name is that of a file or of a describe, whose hooks failed. */
function hasPassed({ passes, skipped }, name) {
  return passes.includes(name) || (skipped === 0 && passes.length > 0);
}

function readTotals(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { files: {}, isWhole: false };
  }
}
