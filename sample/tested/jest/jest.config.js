// Started with NODE_OPTIONS=--experimental-vm-modules: Nest and nestjs-websockex are ES modules.
export default {
  extensionsToTreatAsEsm: ['.ts'],
  // The sources import './price.client.js', and lie in price.client.ts.
  moduleNameMapper: { '^(\\.{1,2}/(?:src/|test/)?[\\w.-]+)\\.js$': ['$1.ts', '$1.js'] },
  setupFiles: ['reflect-metadata'],
  testMatch: ['**/*.spec.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          // Nest injects by the types of constructors: the compiler must write them down.
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2022',
        },
        module: { type: 'es6' },
      },
    ],
  },
};
