import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The source that users import under the name of the package. */
export const ENTRY = fileURLToPath(new URL('../../lib/index.ts', import.meta.url));

const TESTING = fileURLToPath(new URL('../../lib/testing/index.ts', import.meta.url));

const INSPECTOR = fileURLToPath(new URL('../../lib/inspector/index.ts', import.meta.url));
const OPENTELEMETRY = fileURLToPath(new URL('../../lib/opentelemetry/index.ts', import.meta.url));

const PROMETHEUS = fileURLToPath(new URL('../../lib/prometheus/index.ts', import.meta.url));

const MATCHERS = fileURLToPath(new URL('../../lib/testing/matchers/index.ts', import.meta.url));

const TERMINUS = fileURLToPath(new URL('../../lib/terminus/index.ts', import.meta.url));

/** What a user's `tsconfig.json` should hold, at its strictest; the package is the source itself. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  isolatedModules: true,
  verbatimModuleSyntax: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  noEmit: true,
  paths: {
    'nestjs-websockex': [ENTRY],
    'nestjs-websockex/inspector': [INSPECTOR],
    'nestjs-websockex/opentelemetry': [OPENTELEMETRY],
    'nestjs-websockex/prometheus': [PROMETHEUS],
    'nestjs-websockex/testing': [TESTING],
    'nestjs-websockex/testing/matchers': [MATCHERS],
    'nestjs-websockex/terminus': [TERMINUS],
  },
};

/** Compiles sources that stand in no file. They see each other, and whatever this folder sees. */
export class SnippetCompiler {
  readonly program: ts.Program;
  readonly #sources: ReadonlyMap<string, string>;

  /** @param sources names such as `main.ts`, and what these files would hold */
  constructor(sources: Readonly<Record<string, string>>) {
    this.#sources = new Map(
      Object.entries(sources).map(([name, source]) => [here + name, `${source}\nexport {};\n`]),
    );
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (file) => this.#sources.has(file) || fileExists(file);
    host.readFile = (file) => this.#sources.get(file) ?? readFile(file);
    host.getSourceFile = (file, language, onError, shouldCreate) => {
      const source = this.#sources.get(file);
      return source === undefined
        ? getSourceFile(file, language, onError, shouldCreate)
        : ts.createSourceFile(file, source, language, true);
    };
    this.program = ts.createProgram([...this.#sources.keys()], options, host);
  }

  /** What is wrong with one source: `3: TS2322 …`, the line counted from 1. */
  check(name: string): string[] {
    const file = this.#file(name);
    const found = [
      ...this.program.getOptionsDiagnostics(),
      ...this.program.getGlobalDiagnostics(),
      ...this.program.getSyntacticDiagnostics(file),
      ...this.program.getSemanticDiagnostics(file),
    ];
    return found.map(({ file: where, start, code, messageText }) => {
      const line = where === undefined ? 0 : where.getLineAndCharacterOfPosition(start ?? 0).line;
      return `${line + 1}: TS${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  }

  #file(name: string): ts.SourceFile {
    const file = this.program.getSourceFile(here + name);
    if (file === undefined) throw new Error(`there is no source "${name}"`);
    return file;
  }
}
