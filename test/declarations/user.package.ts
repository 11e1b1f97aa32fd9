import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const repo = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** A project of a user, which stands in no file; what it has not itself it finds in this repository. */
const project = `${repo}/a-project`;
const installed = `${project}/node_modules/nestjs-websockex`;

/** What `nest new` writes into `tsconfig.json`, without the runner of tests. */
const NEST_NEW: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  resolvePackageJsonExports: true,
  esModuleInterop: true,
  isolatedModules: true,
  declaration: true,
  removeComments: true,
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
  allowSyntheticDefaultImports: true,
  target: ts.ScriptTarget.ES2023,
  types: ['node'],
  sourceMap: true,
  outDir: `${project}/dist`,
  rootDir: project,
  skipLibCheck: true,
  strict: true,
  strictPropertyInitialization: false,
};

/** As the kind of modules says. */
const RESOLVES_ITSELF: ts.CompilerOptions = { moduleResolution: undefined };

/** How users differ from each other, by what they start from. */
export const SETTINGS = {
  'nest new, ES modules': { type: 'module', options: {} },
  'nest new, CommonJS modules': { type: 'commonjs', options: {} },
  'a composite project': { type: 'module', options: { composite: true } },
  node20: { type: 'commonjs', options: { module: ts.ModuleKind.Node20, ...RESOLVES_ITSELF } },
  node16: { type: 'commonjs', options: { module: ts.ModuleKind.Node16, ...RESOLVES_ITSELF } },
  'a bundler': {
    type: 'commonjs',
    options: {
      module: ts.ModuleKind.CommonJS,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    },
  },
} satisfies Record<string, { type: string; options: ts.CompilerOptions }>;

export type Setting = keyof typeof SETTINGS;

/** The package as it is published, as far as a compiler sees it: its declarations, and no source. */
export function declarationsOfThePackage(): ReadonlyMap<string, string> {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: throwIt };
  const config = ts.getParsedCommandLineOfConfigFile(`${repo}/tsconfig.json`, {}, host);
  if (config === undefined) throw new Error('tsconfig.json cannot be read');
  const files = new Map([
    [`${installed}/package.json`, readFileSync(`${repo}/package.json`, 'utf8')],
  ]);
  const write = (name: string, text: string): void => {
    files.set(name.replace(`${repo}/dist/`, `${installed}/dist/`), text);
  };
  const program = ts.createProgram(config.fileNames, config.options);
  program.emit(undefined, write, undefined, true);
  return files;
}

/** The project of a user who has installed the package. */
export class UserProject {
  readonly program: ts.Program;
  readonly #setting: Setting;

  /** @param sources names such as `main.ts`, and what these files hold */
  constructor(
    published: ReadonlyMap<string, string>,
    sources: Readonly<Record<string, string>>,
    setting: Setting = 'nest new, ES modules',
  ) {
    this.#setting = setting;
    const { type, options } = SETTINGS[setting];
    const files = new Map([
      ...published,
      [`${project}/package.json`, JSON.stringify({ private: true, type })],
      ...Object.entries(sources).map(([name, text]) => [`${project}/${name}`, text] as const),
    ]);
    const all: ts.CompilerOptions = { ...NEST_NEW, ...options };
    const roots = Object.keys(sources).map((name) => `${project}/${name}`);
    this.program = ts.createProgram(roots, all, hostOf(files, all));
  }

  /** What the compiler has to say of the types, and of the declarations it writes. */
  complaints(): string[] {
    const { diagnostics } = this.program.emit(undefined, () => undefined, undefined, true);
    const found = new Set([...ts.getPreEmitDiagnostics(this.program), ...diagnostics]);
    return [...found].map((one) => `${this.#setting}: ${place(one)}TS${one.code} ${message(one)}`);
  }

  /** One file, to look into. */
  file(name: string): ts.SourceFile {
    const file = this.program.getSourceFile(`${project}/${name}`);
    if (file === undefined) throw new Error(`there is no ${name}`);
    return file;
  }

  /** Whether something is declared by the package. */
  static isOurs(node: ts.Node): boolean {
    return node.getSourceFile().fileName.startsWith(installed);
  }
}

function hostOf(files: ReadonlyMap<string, string>, options: ts.CompilerOptions): ts.CompilerHost {
  const folders = new Set<string>();
  for (const file of files.keys()) {
    for (let at = dirname(file); at.length > repo.length; at = dirname(at)) folders.add(at);
  }
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile, directoryExists, realpath } = host;
  return Object.assign(host, {
    getCurrentDirectory: () => project,
    fileExists: (name: string) => files.has(name) || fileExists(name),
    readFile: (name: string) => files.get(name) ?? readFile(name),
    directoryExists: (name: string) => folders.has(name) || directoryExists?.(name) === true,
    realpath: (name: string) => (files.has(name) ? name : (realpath?.(name) ?? name)),
    getSourceFile: (name: string, language: ts.ScriptTarget | ts.CreateSourceFileOptions) => {
      const text = files.get(name);
      return text === undefined
        ? getSourceFile(name, language)
        : ts.createSourceFile(name, text, language, true);
    },
  });
}

function throwIt(diagnostic: ts.Diagnostic): never {
  throw new Error(message(diagnostic));
}

function message({ messageText }: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(messageText, ' ');
}

function place({ file, start }: ts.Diagnostic): string {
  if (file === undefined) return '';
  const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
  return `${file.fileName.slice(project.length + 1)}:${line + 1} ${file.text.split('\n')[line]}: `;
}
