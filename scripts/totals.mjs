// A vitest reporter that counts file by file, and names what was skipped. test.mjs prints the totals last.
import { writeFileSync } from 'node:fs';

export default class Totals {
  onTestRunEnd(modules, unhandledErrors, reason) {
    const files = Object.fromEntries(modules.map((module) => [module.moduleId, countsOf(module)]));
    const totals = { files, isWhole: unhandledErrors.length === 0 && reason !== 'interrupted' };
    if (process.env.TOTALS) writeFileSync(process.env.TOTALS, JSON.stringify(totals));
  }
}

/** `failures` and `passes`: names of tests, and of what has a hook that failed. */
function countsOf(module) {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [], passes: [] };
  // A file that does not load has no tests, and those of a describe whose hook failed are skipped.
  for (const suite of [module, ...module.children.allSuites()]) {
    if (suite.errors().length === 0) continue;
    counts.failed += 1;
    counts.failures.push(suite.fullName ?? 'the file');
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'skipped') process.stdout.write(`skipped: ${test.fullName}\n`);
    const outcome = state === 'pending' ? 'failed' : state;
    counts[outcome] += 1;
    if (outcome === 'failed') counts.failures.push(test.fullName);
    if (outcome === 'passed') counts.passes.push(test.fullName);
  }
  return counts;
}
