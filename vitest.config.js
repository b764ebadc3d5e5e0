import { defineConfig } from 'vitest/config';

/** So many times as often are properties played: see vitest.properties.js. */
const times = Number(process.env.FUZZ_TIMES ?? 1);

// Tests run as what ships: the JavaScript that the build made, worker threads included.
const common = {
  setupFiles: ['./vitest.properties.js'],
  // What hangs ends some day. What is slow because the machine is busy is no failure: one test that starts three
  // programs takes 4 s alone, and two minutes where twenty processes want the same processor.
  testTimeout: 300_000 * times,
  hookTimeout: 300_000,
  pool: 'forks',
  // What comes to pass is seen at once.
  expect: { poll: { timeout: 120_000, interval: 20 } },
};
/** Tests that measure, fill the machine by themselves, or drive a browser. */
const alone = ['test/dist/{browser,crash,load}/**/*.test.js'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'packages',
          include: ['packages/*/dist/**/*.test.js'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Whole servers in processes of their own, which mostly wait: two files at a time.
        test: {
          ...common,
          name: 'whole',
          include: ['test/dist/**/*.test.js'],
          exclude: alone,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // One file at a time, so that each has the machine.
        test: {
          ...common,
          name: 'whole-alone',
          include: alone,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
