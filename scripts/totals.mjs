// A vitest reporter that counts, and names what was skipped. test.mjs prints the counts last.
import { writeFileSync } from 'node:fs';

export default class Totals {
  onTestRunEnd(modules) {
    const total = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      // A file that does not load has no tests, and has failed.
      if (module.errors().length > 0) total.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'pending') total.failed += 1;
        else total[state] += 1;
        if (state === 'skipped') process.stdout.write(`skipped: ${test.fullName}\n`);
      }
    }
    if (process.env.TOTALS) writeFileSync(process.env.TOTALS, JSON.stringify(total));
  }
}
