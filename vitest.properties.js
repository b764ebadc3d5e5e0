// How the tests play properties (fast-check), wherever they are: from which seed, and how often. For every project of
// vitest.config.js. Why: docs/decisions/0001-house.md.
import { expect, vi } from 'vitest';

const { CI, FUZZ_TIMES, FUZZ_SEED, FUZZ_PATH } = process.env;

/** Where every run in CI begins. */
const seedOfCi = 20_261_129;
let played = 0;

/** With these, rather than what a test says itself. Each property of a file has a seed of its own. */
function parametersOf({ numRuns = 100, interruptAfterTimeLimit, ...others }) {
  const times = Number(FUZZ_TIMES ?? 1);
  return {
    ...(CI && !FUZZ_TIMES && { seed: seedOfCi + played++ }),
    ...others,
    numRuns: numRuns * times,
    ...(interruptAfterTimeLimit && { interruptAfterTimeLimit: interruptAfterTimeLimit * times }),
    ...(FUZZ_SEED && { seed: Number(FUZZ_SEED) }),
    ...(FUZZ_PATH && { path: FUZZ_PATH, endOnFailure: true }),
  };
}

/** Where the time is over, fast-check leaves a run to itself, which would go on in the middle of the next test. */
async function assertToTheEnd(fc, property, parameters) {
  const { run } = property;
  let last;
  property.run = (...given) => {
    last = run.apply(property, given);
    return last;
  };
  try {
    await fc.assert(property, parameters);
  } finally {
    await last;
  }
}

// By a mock, because a test that says `numRuns` would have the last word over `configureGlobal`; and fast-check is loaded only by
// tests that use it.
vi.mock('fast-check', async (importOriginal) => {
  const { default: fc, ...members } = await importOriginal();
  // An array with a `maxLength` may be that long. Otherwise most have at most ten elements, whatever it says.
  fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });
  const assert = (property, given = {}) => {
    const parameters = parametersOf(given);
    if (FUZZ_TIMES) {
      const { currentTestName } = expect.getState();
      process.stdout.write(`${parameters.numRuns} runs: ${currentTestName}\n`);
    }
    return parameters.interruptAfterTimeLimit && property.isAsync()
      ? assertToTheEnd(fc, property, parameters)
      : fc.assert(property, parameters);
  };
  return { ...members, assert, default: { ...fc, assert } };
});
