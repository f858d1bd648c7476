import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      // The fast loop: pure code and one engine, no processes.
      {
        test: { name: 'fast', include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'], testTimeout: 30_000 },
      },
      {
        test: {
          name: 'full',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**', 'test/tidy.test.ts'],
          globalSetup: 'test/engines/services.ts',
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
    pool: 'forks',
    maxWorkers: 2,
  },
});
