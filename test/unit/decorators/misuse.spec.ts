import { compileFunction } from 'node:vm';
import * as websockex from 'nestjs-websockex';
import { ConfigurationError } from 'nestjs-websockex';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** The decorators of handlers, as they are written. */
const HANDLERS = [
  '@BeforeConnect',
  '@FormatStatus',
  '@OnCall',
  '@OnCast',
  '@OnCodeChange',
  '@OnConnect',
  '@OnDisconnect',
  '@OnError',
  '@OnFrame',
  '@OnGap',
  '@OnInfo',
  '@OnMessage',
  '@OnPing',
  '@OnPong',
  '@OnRequest',
  '@OnStart',
  '@OnSubscribe',
  '@OnTerminate',
];

const LEGACY = { experimentalDecorators: true, emitDecoratorMetadata: true };
const STANDARD = { experimentalDecorators: false };

/** Compiles a source as users do, runs it, and gives what it throws. */
function thrown(source: string, decorators: ts.CompilerOptions = LEGACY): Error | undefined {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    useDefineForClassFields: true,
    ...decorators,
  };
  const { outputText } = ts.transpileModule(source, { compilerOptions });
  const names = Object.keys(websockex);
  const run = compileFunction(outputText, names) as (...values: unknown[]) => void;
  try {
    run(...Object.values(websockex));
  } catch (error) {
    return error as Error;
  }
  return undefined;
}

/** It is refused where it stands, with these words. */
function refused(source: string, decorators: ts.CompilerOptions, ...words: string[]): void {
  const error = thrown(source, decorators);
  expect(error, source).toBeInstanceOf(ConfigurationError);
  for (const word of words) expect(error?.message, source).toContain(word);
}

const inClass = (member: string): string => `class FeedClient { ${member} }`;

it('the table has every decorator', () => {
  const exported = Object.keys(websockex).filter((name) => /^(On|Before|Format)/.test(name));
  expect(exported.map((name) => `@${name}`).toSorted()).toEqual(HANDLERS.toSorted());
});

describe.each(HANDLERS)('%s', (name) => {
  it.each([
    ['a method', 'handle() {}'],
    ['a method that is named by a symbol', '[Symbol.for("handle")]() {}'],
    ['an async method', 'async handle() {}'],
    ['a generator', '*handle() {}'],
  ])('stands on %s', (_, member) => {
    expect(thrown(inClass(`${name}() ${member}`))).toBeUndefined();
  });

  it.each([
    ['a static method', 'static handle() {}', ['FeedClient.handle() is static']],
    ['a static field', 'static handle = () => {};', ['FeedClient.handle() is static']],
    ['a field', 'handle;', ['FeedClient.handle carries', 'on a field']],
    ['an arrow function', 'handle = () => {};', ['on a field', `${name}() handle() { … }`]],
    ['a getter', 'get handle() { return () => {}; }', ['FeedClient.handle', 'on an accessor']],
    ['a setter', 'set handle(value) {}', ['FeedClient.handle', 'on an accessor']],
  ])('is refused on %s', (_, member, words) => {
    refused(inClass(`${name}() ${member}`), LEGACY, name, ...words);
  });

  it('is refused on a class, and on a parameter', () => {
    refused(`${name}() class FeedClient {}`, LEGACY, `FeedClient carries ${name} on the class`);
    refused(
      inClass(`handle(${name}() a) {}`),
      LEGACY,
      'FeedClient.handle() carries',
      'parameter 1',
    );
    refused(inClass(`constructor(a, ${name}() b) {}`), LEGACY, 'FeedClient.constructor()', '2');
  });

  it.each([
    ['a method', 'handle() {}', 'FeedClient.handle()'],
    ['a static method', 'static handle() {}', 'FeedClient.handle()'],
    ['a field', 'handle = () => {};', 'FeedClient.handle'],
    ['a getter', 'get handle() { return 1; }', 'FeedClient.handle'],
  ])('is refused without parentheses on %s', (_, member, place) => {
    const words = [`${place} carries ${name} without parentheses`, `Write ${name}()`];
    refused(inClass(`${name} ${member}`), LEGACY, ...words);
  });

  it('is refused without parentheses on a class, and on a parameter', () => {
    refused(`${name} class FeedClient {}`, LEGACY, `FeedClient carries ${name} without`);
    refused(inClass(`handle(${name} a) {}`), LEGACY, 'FeedClient.handle() carries');
  });

  it.each([
    ['a method', inClass(`${name}() handle() {}`), 'handle() carries'],
    ['a static method', inClass(`${name}() static handle() {}`), 'handle() carries'],
    ['a field', inClass(`${name}() handle = () => {};`), 'handle carries'],
    ['a getter', inClass(`${name}() get handle() { return 1; }`), 'handle carries'],
    ['an accessor', inClass(`${name}() accessor handle = 1;`), 'handle carries'],
    ['a class', `${name}() class FeedClient {}`, 'FeedClient carries'],
    ['a method, without parentheses', inClass(`${name} handle() {}`), 'handle() carries'],
  ])('is refused as a standard decorator on %s', (_, source, place) => {
    refused(source, STANDARD, `${place} ${name}`, '"experimentalDecorators": true');
  });
});

describe('@WebSockexClient', () => {
  const NAME = '@WebSockexClient';

  it('stands on a class', () => {
    expect(thrown(`${NAME}('ws://a.example') class FeedClient {}`)).toBeUndefined();
    expect(thrown(`${NAME}(new URL('ws://a.example'), { name: 'a' }) class A {}`)).toBeUndefined();
  });

  it.each([
    ['a method', 'handle() {}', 'FeedClient.handle() carries @WebSockexClient on a method'],
    ['a static method', 'static handle() {}', 'on a static method'],
    ['a field', 'handle = 1;', 'on a field'],
    ['a getter', 'get handle() { return 1; }', 'on an accessor'],
    ['a parameter', 'constructor(a) {}', 'FeedClient.constructor() carries'],
  ])('is refused on %s', (_, member, words) => {
    const use = `${NAME}('ws://a.example')`;
    const source = member.replace('(a)', `(${use} a)`);
    refused(inClass(source === member ? `${use} ${member}` : source), LEGACY, words);
  });

  it('is refused without its URL', () => {
    const written = 'Write @WebSockexClient(url)';
    refused(`${NAME} class FeedClient {}`, LEGACY, 'FeedClient carries', written);
    refused(inClass(`${NAME} handle() {}`), LEGACY, 'FeedClient.handle() carries', written);
  });

  it('is refused as a standard decorator', () => {
    const words = ['FeedClient carries @WebSockexClient', '"experimentalDecorators": true'];
    refused(`${NAME}('ws://a.example') class FeedClient {}`, STANDARD, ...words);
    refused(`${NAME} class FeedClient {}`, STANDARD, ...words);
  });
});

describe('@InjectClient', () => {
  const NAME = '@InjectClient';

  it('stands on a parameter of a constructor, and on a field', () => {
    const feed = 'class FeedClient {}';
    expect(
      thrown(`${feed} class Trader { constructor(${NAME}(FeedClient) a) {} }`),
    ).toBeUndefined();
    expect(thrown(`${feed} class Trader { ${NAME}(FeedClient) feed; }`)).toBeUndefined();
    expect(thrown(`class Trader { ${NAME}('FeedClient') set feed(one) {} }`)).toBeUndefined();
  });

  it.each([
    ['a method', `${NAME}('a') handle() {}`, 'Trader.handle() carries @InjectClient on a method'],
    ['a parameter of a method', `handle(a, ${NAME}('a') b) {}`, 'on parameter 2'],
    ['a getter', `${NAME}('a') get handle() { return 1; }`, 'on an accessor'],
    ['a static field', `${NAME}('a') static feed;`, 'on a static field'],
  ])('is refused on %s', (_, member, words) => {
    refused(`class Trader { ${member} }`, LEGACY, words, 'constructor, or on a field');
  });

  it('is refused on a class', () => {
    refused(`${NAME}('a') class Trader {}`, LEGACY, 'Trader carries @InjectClient on the class');
  });

  it.each([
    ['a parameter', `constructor(${NAME} a) {}`, 'Trader.constructor()'],
    ['a field', `${NAME} feed;`, 'Trader.feed'],
    ['a method', `${NAME} handle() {}`, 'Trader.handle()'],
  ])('is refused without its class on %s', (_, member, place) => {
    const words = [`${place} carries @InjectClient without`, 'Write @InjectClient(FeedClient)'];
    refused(`class Trader { ${member} }`, LEGACY, ...words);
  });

  it('is refused as a standard decorator', () => {
    const words = ['feed carries @InjectClient', '"experimentalDecorators": true'];
    refused(`class Trader { ${NAME}('a') feed; }`, STANDARD, ...words);
    refused(`class Trader { ${NAME} feed; }`, STANDARD, ...words);
  });
});
