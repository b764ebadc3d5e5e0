import { defineConfig } from 'vitest/config';

// Tests run as what ships: the JavaScript that the build made, worker threads included.
export default defineConfig({
  test: {
    include: ['packages/*/dist/**/*.test.js', 'test/dist/**/*.test.js'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
