import { defineConfig } from 'vitest/config';

import base from '../../vitest.config.js';

/** The faults that take long or weigh much, each in processes of its own; `.ci/faults` runs them. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/faults/**/*.fault.ts'],
    maxConcurrency: 3,
    testTimeout: 300_000,
    reporters: ['verbose'],
    typecheck: { enabled: false },
  },
});
