// What of a call a parameter of a handler gets. It is noted where Nest's own parameter decorators note it, so those
// of users, made by `createParamDecorator`, work beside these.
import {
  createParamDecorator,
  type ExecutionContext,
  type PipeTransform,
  type Type,
} from '@nestjs/common';

import type { WebSockexExecutionContext } from '../interfaces/execution-context.interface.js';
import type { SchemaOutput, StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import { PAYLOAD_PARAMETER, PARAMETERS_METADATA } from '../websockex.constants.js';
import { checkFactory, checkParameter } from './decorator.checker.js';

/** A pipe, or the class of one, which the injector of the client's module makes. */
type Pipe = Type<PipeTransform> | PipeTransform;

interface SchemaAndPipes<S extends StandardSchemaV1> {
  readonly schema: S;
  readonly pipes?: readonly Pipe[];
}

type ParameterOf<T, K, I> = K extends keyof T
  ? T[K] extends (...args: infer P) => unknown
    ? I extends keyof P
      ? P[I]
      : P[I & number]
    : unknown
  : unknown;

type Accepts<T, K, I, Out> =
  unknown extends ParameterOf<T, K, I>
    ? unknown
    : [Out] extends [ParameterOf<T, K, I>]
      ? unknown
      : { readonly 'the schema gives': Out };

/**
 * A decorator for parameters that take what a schema gives. Anything else does not compile.
 *
 * @publicApi
 */
export type SchemaParameterDecorator<Out> = <
  T extends object,
  K extends string | symbol | undefined,
  I extends number,
>(
  target: T & Accepts<T, K, I, Out>,
  key: K,
  index: I,
) => void;

/**
 * The parameter gets the payload, or the part of it that stands at a path: of `@OnMessage` the message, of
 * `@OnFrame`, `@OnPing` and `@OnPong` the frame, of `@OnInfo` the info, of `@OnCast` and `@OnCall` the first
 * argument. A schema checks it, always; pipes come after that.
 *
 * @example
 * @OnMessage('trade') trade(@Payload('price', { schema: z.coerce.number() }) price: number) {}
 *
 * @publicApi
 */
export function Payload<S extends StandardSchemaV1>(
  options: SchemaAndPipes<S>,
): SchemaParameterDecorator<SchemaOutput<S>>;
export function Payload<S extends StandardSchemaV1>(
  path: string,
  options: SchemaAndPipes<S>,
): SchemaParameterDecorator<SchemaOutput<S>>;
export function Payload(path?: string, ...pipes: Pipe[]): ParameterDecorator;
export function Payload(...pipes: Pipe[]): ParameterDecorator;
export function Payload(...given: unknown[]): ParameterDecorator {
  if (typeof given[2] === 'number') checkFactory('@Payload', '@Payload()', given);
  const [first, ...others] = given;
  const path = typeof first === 'string' ? first : undefined;
  const rest = typeof first === 'string' || first === undefined ? others : given;
  const options = rest.find(hasSchema);
  const pipes = [...(options?.pipes ?? []), ...rest.filter((one) => !hasSchema(one))];
  const schema = options?.schema;
  return (...decorated) => {
    checkParameter('@Payload', decorated);
    const [target, key, index] = decorated;
    const owner = target.constructor;
    const noted = Reflect.getMetadata(PARAMETERS_METADATA, owner, key!) as object | undefined;
    const parameter = { index, data: path, pipes, ...(schema !== undefined && { schema }) };
    const all = { ...noted, [`${PAYLOAD_PARAMETER}:${index}`]: parameter };
    Reflect.defineMetadata(PARAMETERS_METADATA, all, owner, key!);
  };
}

/** A pipe has no schema of its own, and one of arktype is a function. */
function hasSchema(value: unknown): value is SchemaAndPipes<StandardSchemaV1> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'schema');
}

/**
 * The parameter gets the frame that came: of `@OnMessage` the one the message came in. In a cast, a call and an
 * info it is `undefined`.
 *
 * @publicApi
 */
export function FrameRef(): ParameterDecorator {
  return reference('@FrameRef', arguments, (context) => context.getFrame());
}

/**
 * The parameter gets the client's own handle.
 *
 * @example
 * @OnMessage('ask') ask(@Payload() ask: Ask, @HandleRef() feed: ClientHandle) {}
 *
 * @publicApi
 */
export function HandleRef(): ParameterDecorator {
  return reference('@HandleRef', arguments, (context) => context.getHandle());
}

/**
 * The parameter gets what the peer agreed to in the session that is open, as `@OnConnect` does; `undefined` without
 * one.
 *
 * @publicApi
 */
export function ConnectionRef(): ParameterDecorator {
  return reference('@ConnectionRef', arguments, (context) => context.getConnection());
}

function reference(
  decorator: string,
  given: ArrayLike<unknown>,
  read: (context: WebSockexExecutionContext) => unknown,
): ParameterDecorator {
  checkFactory(decorator, `${decorator}()`, given);
  const factory = (_: unknown, context: ExecutionContext): unknown =>
    read(context as WebSockexExecutionContext);
  const decorate = createParamDecorator(factory)();
  return (...decorated) => {
    checkParameter(decorator, decorated);
    decorate(...decorated);
  };
}
