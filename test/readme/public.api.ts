import ts from 'typescript';

import { ENTRY } from './snippet.compiler.js';

/** An option as its declaration documents it. */
export interface OptionFacts {
  /** `reconnect.maxDelay` for one inside of another. */
  readonly name: string;
  readonly isOptional: boolean;
  /** Whether it holds other options. */
  readonly isGroup: boolean;
  /** The text of `@default`, without its marks; empty where there is none. */
  readonly default: string;
}

/** The options that hold others, and what those are declared in. */
const GROUPS: Readonly<Record<string, string>> = {
  heartbeat: 'HeartbeatOptions',
  mailbox: 'MailboxOptions',
  queue: 'QueueOptions',
  replay: 'ReplayOptions',
  sendRate: 'SendRateOptions',
  reconnect: 'ReconnectOptions',
};

/** What the library offers, read from its types. */
export class PublicApi {
  readonly #checker: ts.TypeChecker;
  readonly #exports: ReadonlyMap<string, ts.Symbol>;

  constructor(program: ts.Program) {
    this.#checker = program.getTypeChecker();
    const entry = program.getSourceFile(ENTRY);
    const module = entry && this.#checker.getSymbolAtLocation(entry);
    if (module === undefined) throw new Error(`${ENTRY} is not part of the program`);
    this.#exports = new Map(
      this.#checker.getExportsOfModule(module).map((one) => [one.name, this.#resolve(one)]),
    );
  }

  /** The names of all values exported from a file or folder of `lib`. */
  exportedFrom(path: string): string[] {
    return [...this.#exports]
      .filter(([, { flags }]) => (flags & ts.SymbolFlags.Value) !== 0)
      .filter(([, symbol]) =>
        symbol.declarations?.some((one) => one.getSourceFile().fileName.includes(`/lib/${path}`)),
      )
      .map(([name]) => name);
  }

  /** The names of the members of an exported class or interface. */
  members(type: string): string[] {
    return this.#properties(this.#type(type)).map(({ name }) => name);
  }

  /** The strings an exported type is a union of. */
  strings(type: string): string[] {
    return literals(this.#type(type));
  }

  /** Every exported error class, and its code. */
  errors(): ReadonlyMap<string, string> {
    const errors = new Map<string, string>();
    for (const name of this.exportedFrom('runtime/errors/')) {
      const code = this.#type(name).getProperty('code');
      // Of a class that others extend the type has their codes, too.
      const declared = code?.valueDeclaration;
      const own = declared && ts.isPropertyDeclaration(declared) ? declared.initializer : undefined;
      if (own && ts.isStringLiteral(own)) errors.set(name, own.text);
      // One class, with a code for each kind.
      else if (declared && ts.isPropertyDeclaration(declared) && !isAbstract(declared)) {
        errors.set(name, literals(this.#checker.getTypeAtLocation(declared)).join(', '));
      }
    }
    return errors;
  }

  /** The options of a client, those inside of others too. */
  options(type: string, prefix = ''): OptionFacts[] {
    return this.#properties(this.#type(type)).flatMap((symbol) => {
      const inner = GROUPS[symbol.name];
      return [
        {
          name: prefix + symbol.name,
          isOptional: (symbol.flags & ts.SymbolFlags.Optional) !== 0,
          isGroup: inner !== undefined,
          default: this.#default(symbol),
        },
        ...(inner === undefined ? [] : this.options(inner, `${symbol.name}.`)),
      ];
    });
  }

  /** The events, and what each carries besides what all carry. */
  events(): ReadonlyMap<string, string[]> {
    const common = new Set(['event', ...this.members('EventBase')]);
    const union = this.#type('WebSockexEvent') as ts.UnionType;
    return new Map(
      union.types.map((type) => {
        const name = type.getProperty('event');
        const [event] = name ? literals(this.#checker.getTypeOfSymbol(name)) : [];
        const fields = type.getProperties().filter((one) => !common.has(one.name));
        return [event ?? '', fields.map((one) => one.name)];
      }),
    );
  }

  #type(name: string): ts.Type {
    const symbol = this.#exports.get(name);
    if (symbol === undefined) throw new Error(`the package does not export ${name}`);
    return this.#checker.getDeclaredTypeOfSymbol(symbol);
  }

  #properties(type: ts.Type): ts.Symbol[] {
    return type.getProperties();
  }

  #resolve(symbol: ts.Symbol): ts.Symbol {
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  #default(symbol: ts.Symbol): string {
    const tag = symbol.getJsDocTags(this.#checker).find(({ name }) => name === 'default');
    return ts.displayPartsToString(tag?.text).replaceAll(/[`]/g, '').replaceAll(/\s+/g, ' ').trim();
  }
}

function literals(type: ts.Type): string[] {
  const types = type.isUnion() ? type.types : [type];
  return types.filter((one) => one.isStringLiteral()).map((one) => one.value);
}

function isAbstract(declared: ts.PropertyDeclaration): boolean {
  return declared.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword) === true;
}
