import 'reflect-metadata';

import type { SeenArgs } from '../interfaces/start-options.interface.js';
import type { HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { HANDLERS_METADATA } from '../websockex.constants.js';

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

/** The one function all handler decorators are made of: it notes, and judges nothing. */
export function createHandlerDecorator(
  handler: Omit<HandlerMetadata, 'key' | 'isStatic'>,
): (target: object, key: string | symbol) => void {
  return (target, key) => {
    const isStatic = typeof target === 'function';
    const owner = isStatic ? target : target.constructor;
    const noted = (Reflect.getOwnMetadata(HANDLERS_METADATA, owner) ?? []) as HandlerMetadata[];
    const handlers = [...noted, { ...handler, key, isStatic }];
    Reflect.defineMetadata(HANDLERS_METADATA, handlers, owner);
  };
}
