// A vitest reporter that counts file by file, and names what was skipped. test.mjs prints the totals last.
import { writeFileSync } from 'node:fs';

export default class Totals {
  onTestRunEnd(modules, unhandledErrors) {
    const files = Object.fromEntries(modules.map((module) => [module.moduleId, countsOf(module)]));
    const totals = { files, unhandled: unhandledErrors.length };
    if (process.env.TOTALS) writeFileSync(process.env.TOTALS, JSON.stringify(totals));
  }
}

function countsOf(module) {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  // A file that does not load has no tests, and has failed.
  if (module.errors().length > 0) {
    counts.failed += 1;
    counts.failures.push('it does not load');
  }
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state === 'skipped') process.stdout.write(`skipped: ${test.fullName}\n`);
    const outcome = state === 'pending' ? 'failed' : state;
    counts[outcome] += 1;
    if (outcome === 'failed') counts.failures.push(test.fullName);
  }
  return counts;
}
