import { defineConfig } from 'vitest/config';

// Tests run as what ships: the JavaScript that the build made, worker threads included.
const common = { testTimeout: 30_000, hookTimeout: 60_000, pool: 'forks' };

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
        // Whole servers in processes of their own: one file at a time, so that each has the machine.
        test: {
          ...common,
          name: 'whole',
          include: ['test/dist/**/*.test.js'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
