import { defineConfig } from 'vitest/config';

const crowd = 'test/faults/processes.test.ts';

const services = {
  globalSetup: 'test/engines/services.ts',
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    projects: [
      // The fast loop: pure code and one engine, no processes.
      {
        test: { name: 'fast', include: ['test/unit/**/*.test.ts', 'test/tidy.test.ts'], testTimeout: 30_000 },
      },
      // Every engine, in this process. Files share one: an embedded Postgres takes seconds to start, and warms up.
      {
        test: {
          name: 'engines',
          include: ['test/conformance/**/*.test.ts'],
          isolate: false,
          ...services,
        },
      },
      // Programs of their own, sockets, faults.
      {
        test: {
          name: 'full',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**', 'test/conformance/**', 'test/tidy.test.ts', crowd],
          ...services,
        },
      },
      // After all others and by itself: more processes than a machine has room for.
      {
        test: { name: 'crowd', include: [crowd], sequence: { groupOrder: 1 }, ...services },
      },
    ],
    pool: 'forks',
    maxWorkers: 2,
  },
});
