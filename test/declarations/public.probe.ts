import ts from 'typescript';

import { UserProject } from './user.package.js';

/** What users import from. */
const ENTRIES = [
  'nestjs-websockex',
  'nestjs-websockex/inspector',
  'nestjs-websockex/opentelemetry',
  'nestjs-websockex/prometheus',
  'nestjs-websockex/testing',
  'nestjs-websockex/testing/matchers',
  'nestjs-websockex/terminus',
];

/** A class as users have them, for types that take a client class. */
const FEED = `class Feed {
  readonly prices = new Map<string, number>();
  publish(text: string) { return text; }
  async price(symbol: string): Promise<number | undefined> { return this.prices.get(symbol); }
}`;

/** Types are named with these; what takes more arguments than one, or other ones, is given `any`. */
const ARGUMENTS = new Map([
  ['ClientHandle', ['any', 'Feed']],
  ['FakeHandle', ['any', 'Feed']],
  ['TestClient', ['any', 'Feed']],
  ['ClientSys', ['any', 'Feed']],
]);

/** A name that users can import, and what it stands for. */
interface Exported {
  readonly name: string;
  readonly symbol: ts.Symbol;
  /** Whether it is there at run time. */
  readonly isValue: boolean;
  /** As the probe writes it: `e0.ClientHandle`. */
  readonly path: string;
}

/**
 * A source that takes everything the package offers apart, and leaves it to the compiler to name
 * the types: whoever sets `declaration` writes such functions every day.
 */
export class PublicProbe {
  readonly #checker: ts.TypeChecker;
  readonly #exported: readonly Exported[];
  readonly #lines = [...ENTRIES.map((entry, at) => `import * as e${at} from '${entry}';`), FEED];

  constructor(published: ReadonlyMap<string, string>) {
    const imports = ENTRIES.map((entry, at) => `import * as e${at} from '${entry}'; void e${at};`);
    const project = new UserProject(published, { 'imports.ts': imports.join('\n') });
    this.#checker = project.program.getTypeChecker();
    this.#exported = project
      .file('imports.ts')
      .statements.filter(ts.isImportDeclaration)
      .flatMap(({ moduleSpecifier }, at) => this.#exportsOf(moduleSpecifier, at));
    for (const one of this.#exported) this.#probe(one);
  }

  /** The names that are looked at. */
  get names(): string[] {
    return this.#exported.map(({ name }) => name);
  }

  get source(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #exportsOf(specifier: ts.Expression, at: number): Exported[] {
    const module = this.#checker.getSymbolAtLocation(specifier);
    if (module === undefined) throw new Error(`${specifier.getText()} is not found`);
    return this.#checker.getExportsOfModule(module).map((one) => {
      const isAlias = (one.flags & ts.SymbolFlags.Alias) !== 0;
      const symbol = isAlias ? this.#checker.getAliasedSymbol(one) : one;
      const isType = (one.declarations ?? []).some(ts.isTypeOnlyExportDeclaration);
      const isValue = !isType && (symbol.flags & ts.SymbolFlags.Value) !== 0;
      return { name: one.name, symbol, isValue, path: `e${at}.${one.name}` };
    });
  }

  #probe(one: Exported): void {
    if (one.symbol.flags & ts.SymbolFlags.Type) this.#probeType(one);
    if (one.isValue) this.#probeValue(one);
  }

  /** The type itself, what it is made of, and every member of it: taken, and called. */
  #probeType({ name, symbol, path }: Exported): void {
    const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
    for (const given of this.#argumentsOf(name, symbol)) {
      const full = `${path}${given}`;
      this.#add(`(x: { v: ${full} }) { return x.v; }`);
      this.#add(`(x: { v: ${full} }) { return [x.v, { it: x.v }] as const; }`);
      if (type.flags & ts.TypeFlags.Object) this.#add(`(x: ${full}) { return { ...x }; }`);
      if (type.isUnion()) continue;
      for (const member of this.#checker.getPropertiesOfType(type)) {
        const key = this.#keyOf(member);
        if (key === undefined) continue;
        this.#add(`(x: ${full}) { return x[${key}]; }`);
        this.#add(`(x: ${full}) { return [x[${key}]!]; }`);
        for (const call of this.#callsOf(member)) this.#addCall(`x: ${full}`, `x[${key}]!`, call);
      }
    }
  }

  /** The value itself; what it returns; what it makes; its static members. */
  #probeValue({ symbol, path }: Exported): void {
    this.#add(`() { return ${path}; }`);
    this.#add(`() { return [${path}, { it: ${path} }]; }`);
    for (const call of this.#callsOf(symbol)) {
      this.#addCall('', path, call);
      this.#add(`(x: Parameters<typeof ${path}>) { return [...x]; }`);
    }
    if ((symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Variable)) === 0) return;
    for (const member of this.#checker.getPropertiesOfType(this.#checker.getTypeOfSymbol(symbol))) {
      const key = member.name === 'prototype' ? undefined : this.#keyOf(member);
      if (key === undefined) continue;
      this.#add(`() { return ${path}[${key}]; }`);
      for (const call of this.#callsOf(member)) this.#addCall('', `${path}[${key}]`, call);
    }
  }

  /** What a call returns, at once and awaited, with anything in the place of what it takes. */
  #addCall(parameter: string, called: string, call: ts.Signature): void {
    const given = call.parameters.map(() => 'null! as never').join(', ');
    this.#add(`(${parameter}) { return ${called}(${given}); }`);
    this.#lines.push(
      `export async function a${this.#lines.length}(${parameter}) { const y = await ${called}(${given}); return { y }; }`,
    );
  }

  #add(rest: string): void {
    this.#lines.push(`export function f${this.#lines.length}${rest}`);
  }

  #callsOf(symbol: ts.Symbol): readonly ts.Signature[] {
    const type = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(symbol));
    const calls = this.#checker.getSignaturesOfType(type, ts.SignatureKind.Call);
    return calls.filter((one) => one.getDeclaration().parameters[0]?.name.getText() !== 'this');
  }

  #argumentsOf(name: string, symbol: ts.Symbol): string[] {
    const count = Math.max(
      ...(symbol.declarations ?? []).map((one) => typeParametersOf(one).length),
    );
    if (count === 0) return [''];
    return (
      ARGUMENTS.get(name)?.map((one) => `<${one}>`) ?? [
        `<${Array.from({ length: count }, () => 'any').join(', ')}>`,
      ]
    );
  }

  /** How the probe names a member that users see; others are none of its business. */
  #keyOf(member: ts.Symbol): string | undefined {
    const [declaration] = member.declarations ?? [];
    if (declaration === undefined || !UserProject.isOurs(declaration)) return undefined;
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
    if (ts.getCombinedModifierFlags(declaration) & hidden) return undefined;
    const name = ts.getNameOfDeclaration(declaration);
    if (name === undefined || ts.isPrivateIdentifier(name)) return undefined;
    if (!ts.isComputedPropertyName(name)) return JSON.stringify(member.name);
    return name.expression.getText().startsWith('Symbol.') ? name.expression.getText() : undefined;
  }
}

function typeParametersOf(declaration: ts.Declaration): readonly unknown[] {
  return 'typeParameters' in declaration && Array.isArray(declaration.typeParameters)
    ? (declaration.typeParameters as unknown[])
    : [];
}
