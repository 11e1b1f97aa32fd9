import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Nest injects by the types of constructors: the compiler must write them down.
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: { globals: true, setupFiles: ['reflect-metadata'] },
});
