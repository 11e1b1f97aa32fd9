import type { ArgumentMetadata, PipeTransform, Type } from '@nestjs/common';

import type { ParameterMetadata } from '../discovery/parameter.accessor.js';
import { isThenable } from '../runtime/async/deferred.js';
import { check, type StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import { PAYLOAD_PARAMETER } from '../websockex.constants.js';
import type { CallContext } from './call.context.js';

/** One parameter of a handler, and the pipes before it. */
export interface Parameter extends Omit<ParameterMetadata, 'pipes'> {
  /** Its type, as the compiler noted it. */
  readonly metatype: Type<unknown> | undefined;
  readonly pipes: readonly PipeTransform[];
  /** No decorator says anything of it: it is there for pipes of the class or the method. */
  readonly isPlain: boolean;
}

/** What the parameters of a handler are. */
export interface ParameterSet {
  readonly parameters: readonly Parameter[];
  /** That of the whole message; what parameters get is part of what it gives. */
  readonly schema: StandardSchemaV1 | undefined;
}

/** Makes the arguments of a handler: at once, as long as nothing that stands before it is a promise. */
export class ParameterResolver {
  readonly #parameters: readonly Parameter[];
  readonly #schema: StandardSchemaV1 | undefined;

  constructor({ parameters, schema }: ParameterSet) {
    this.#parameters = parameters;
    this.#schema = schema;
  }

  /** Throws, or rejects, where a schema or a pipe does not accept something. */
  resolve(context: CallContext): unknown[] | PromiseLike<unknown[]> {
    if (this.#schema === undefined) return this.#resolve(context);
    const whole = check(this.#schema, context.getPayload());
    const resolve = (value: unknown): unknown[] | PromiseLike<unknown[]> => {
      context.replacePayload(value);
      return this.#resolve(context);
    };
    return isThenable(whole) ? whole.then(resolve) : resolve(whole);
  }

  #resolve(context: CallContext): unknown[] | Promise<unknown[]> {
    // A parameter that nothing says anything of gets what it would get without the others.
    const args = [...context.getArguments()];
    for (const [position, parameter] of this.#parameters.entries()) {
      const value = resolveOne(parameter, context);
      if (isThenable(value)) return this.#resolveLater(context, args, position, value);
      args[parameter.index] = value;
    }
    return args;
  }

  /** One after the other: where one fails nobody would listen to the rest. */
  async #resolveLater(
    context: CallContext,
    args: unknown[],
    from: number,
    first: PromiseLike<unknown>,
  ): Promise<unknown[]> {
    for (const [position, parameter] of this.#parameters.entries()) {
      if (position < from) continue;
      args[parameter.index] = await (position === from ? first : resolveOne(parameter, context));
    }
    return args;
  }
}

function resolveOne(parameter: Parameter, context: CallContext): unknown {
  const { schema, pipes } = parameter;
  let value = valueOf(parameter, context);
  if (schema === undefined && pipes.length === 0) return value;
  if (schema !== undefined) {
    if (isThenable(value)) return value.then((late) => piped(parameter, checked(parameter, late)));
    value = checked(parameter, value);
  }
  return piped(parameter, value);
}

function checked({ schema, type, data }: Parameter, value: unknown): unknown {
  if (schema === undefined) return value;
  const path = type === PAYLOAD_PARAMETER && typeof data === 'string' ? data : undefined;
  return check(schema, value, path);
}

function piped({ pipes, type, data, schema, metatype }: Parameter, value: unknown): unknown {
  if (pipes.length === 0) return value;
  const metadata = {
    type: type === PAYLOAD_PARAMETER ? 'body' : 'custom',
    data,
    metatype,
    schema,
  } as ArgumentMetadata;
  for (const [position, pipe] of pipes.entries()) {
    if (isThenable(value)) return pipedLater(pipes.slice(position), value, metadata);
    value = pipe.transform(value, metadata);
  }
  return value;
}

async function pipedLater(
  pipes: readonly PipeTransform[],
  first: PromiseLike<unknown>,
  metadata: ArgumentMetadata,
): Promise<unknown> {
  let value: unknown = await first;
  for (const pipe of pipes) value = await pipe.transform(value, metadata);
  return value;
}

function valueOf({ data, factory, index, isPlain }: Parameter, context: CallContext): unknown {
  if (typeof factory === 'function') return factory(data, context) as unknown;
  if (isPlain) return context.getArguments()[index];
  return typeof data === 'string' ? partOf(context.getPayload(), data) : context.getPayload();
}

/** What stands at a path: `price`, `order.price`, `items.0`. Only what a value has itself, nothing of prototypes. */
function partOf(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  const dot = path.indexOf('.');
  if (dot === -1) return undefined;
  return partOf(partOf(value, path.slice(0, dot)), path.slice(dot + 1));
}
