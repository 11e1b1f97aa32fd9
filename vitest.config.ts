import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Said outright: oxc would take these from a tsconfig only for the files which that tsconfig includes.
  oxc: {
    decorator: { legacy: true, emitDecoratorMetadata: true },
  },
  resolve: {
    // The tests see the source under the name of the package. test/tsconfig.json says the same to TypeScript.
    alias: [
      {
        find: /^nestjs-websockex\/testing\/matchers$/,
        replacement: fileURLToPath(new URL('./lib/testing/matchers/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-websockex\/testing$/,
        replacement: fileURLToPath(new URL('./lib/testing/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-websockex\/opentelemetry$/,
        replacement: fileURLToPath(new URL('./lib/opentelemetry/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-websockex\/terminus$/,
        replacement: fileURLToPath(new URL('./lib/terminus/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-websockex\/prometheus$/,
        replacement: fileURLToPath(new URL('./lib/prometheus/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-websockex\/inspector$/,
        replacement: fileURLToPath(new URL('./lib/inspector/index.ts', import.meta.url)),
      },
      {
        find: /^nestjs-websockex$/,
        replacement: fileURLToPath(new URL('./lib/index.ts', import.meta.url)),
      },
    ],
  },
  test: {
    include: ['test/**/*.spec.ts', 'sample/exchange/test/*.spec.ts'],
    setupFiles: ['test/setup.ts'],
    // No test measures time: a machine that is busy with other things may take as long as it likes.
    testTimeout: 60_000 * Number(process.env['FUZZ_TIMES'] ?? 1),
    hookTimeout: 60_000,
    // One process runs many files, one after the other, and loads Nest once. Nothing of lib/ lives in a module.
    isolate: false,
    // Tests wait for sockets more than they work: every core has a process of its own.
    maxWorkers: '100%',
    typecheck: {
      enabled: true,
      tsconfig: 'test/tsconfig.json',
      include: ['test/types/**/*.spec-d.ts'],
    },
    coverage: {
      provider: 'v8',
      include: ['lib/**/*.ts'],
    },
  },
});
