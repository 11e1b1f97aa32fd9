import 'reflect-metadata';

import type { SeenArgs } from '../interfaces/start-options.interface.js';
import type { HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { HANDLERS_METADATA } from '../websockex.constants.js';
import { checkFactory, checkMethod, type Decorated } from './decorator.checker.js';

/** A method that takes no more than it is given: the way parameters are compared is strict. */
type Fits<M, Args extends readonly unknown[]> = M extends (...args: infer P) => unknown
  ? ((...args: P) => void) extends (...args: Args) => void
    ? unknown
    : { readonly 'the handler is called with': Args }
  : never;

/**
 * A decorator for methods that can be called with `Args` and return `Result`. Anything else does
 * not compile. `Result` has promises in it: of an `async` method declared with its name there are two.
 *
 * @publicApi
 */
export type HandlerDecorator<Args extends readonly unknown[], Result> = <
  M extends (...args: never[]) => Result | Promise<Result>,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M> & Fits<M, Args>,
) => void;

/**
 * A decorator for methods whose arguments are the caller's own.
 *
 * @publicApi
 */
export type OpenHandlerDecorator<Result> = <
  M extends (...args: never[]) => Result | Promise<Result>,
>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<M>,
) => void;

/**
 * A decorator for the method that is given the `args` of a start, of which the class must tell: by the
 * name of the method, or for lack of any other method that could take them.
 *
 * @publicApi
 */
export type StartDecorator<Result> = <
  T extends object,
  K extends string | symbol,
  M extends (args: never) => Result | Promise<Result>,
>(
  target: T,
  key: K,
  descriptor: TypedPropertyDescriptor<M> & SeenArgs<T, K, M>,
) => void;

/**
 * The one function all handler decorators are made of: it notes, and judges but the place.
 *
 * @param given what the decorator's own function was called with
 * @throws ConfigurationError where the decorator stands without parentheses, or on what is no method
 */
export function createHandlerDecorator(
  handler: Omit<HandlerMetadata, 'key'>,
  given: Decorated,
): (target: object, key: string | symbol) => void {
  const { decorator } = handler;
  checkFactory(decorator, `${decorator}()`, given);
  return (...decorated: [target: object, key: string | symbol]) => {
    checkMethod(decorator, decorated);
    const [{ constructor: owner }, key] = decorated;
    const noted = (Reflect.getOwnMetadata(HANDLERS_METADATA, owner) ?? []) as HandlerMetadata[];
    Reflect.defineMetadata(HANDLERS_METADATA, [...noted, { ...handler, key }], owner);
  };
}
