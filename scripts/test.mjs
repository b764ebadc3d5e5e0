// `npm test`: installs and builds what is missing, runs the tests (`npm test -- test/src/cli/bench` picks some),
// and ends with their total: `N passed, N failed, N skipped`.
// With CI set, up to three files that failed run once more: what passes then counts as passed, and is named as flaky.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runToEnd } from './child.mjs';
import { prepare, root } from './prepare.mjs';

const folder = mkdtempSync(join(tmpdir(), 'really-totals-'));
let outcome = { code: 1, files: {}, unhandled: 0 };
try {
  prepare();
  // Not before it is installed.
  const { withBuiltPaths } = await import('./test-paths.mjs');
  outcome = await runTests(withBuiltPaths(process.argv.slice(2)));
  const failed = Object.keys(outcome.files).filter((file) => outcome.files[file].failed > 0);
  const isWorthAnother = failed.length >= 1 && failed.length <= 3 && outcome.unhandled === 0;
  if (process.env.CI && isWorthAnother) {
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

/** Throws where the second run came to no end. */
function afterSecondRun(first, second) {
  for (const [file, { failures }] of Object.entries(first.files)) {
    const again = second.files[file]?.failures;
    for (const name of failures) {
      if (again?.includes(name) !== false) continue;
      process.stdout.write(`flaky: ${relative(root, file)} > ${name}\n`);
    }
  }
  return { ...second, files: { ...first.files, ...second.files } };
}

function readTotals(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return { files: {}, unhandled: 0 };
  }
}
