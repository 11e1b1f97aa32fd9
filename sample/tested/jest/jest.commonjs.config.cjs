// For an application of CommonJS modules. It needs no flag: what is an ES module is compiled.
const swc = (parser) => [
  '@swc/jest',
  {
    jsc: {
      parser,
      // Nest injects by the types of constructors: the compiler must write them down.
      transform: { legacyDecorator: true, decoratorMetadata: true },
      target: 'es2022',
    },
    module: { type: 'commonjs' },
  },
];

module.exports = {
  // The sources import './price.client.js', and lie in price.client.ts.
  moduleNameMapper: { '^(\\.{1,2}/(?:src/|test/)?[\\w.-]+)\\.js$': ['$1.ts', '$1.js'] },
  setupFiles: ['reflect-metadata'],
  testMatch: ['**/*.spec.ts'],
  transform: {
    '\\.ts$': swc({ syntax: 'typescript', decorators: true }),
    '\\.js$': swc({ syntax: 'ecmascript' }),
  },
  // Nest and nestjs-websockex are ES modules. ts-jest may compile the .ts files, but not these: Nest has `import.meta`.
  transformIgnorePatterns: ['/node_modules/(?!(?:@nestjs|nestjs-websockex)/)'],
};
