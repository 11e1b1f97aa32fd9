import type { PipeTransform, Type } from '@nestjs/common';

import type { StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import { CUSTOM_PARAMETER, PARAMETERS_METADATA } from '../websockex.constants.js';

/** What a decorator says of one parameter of a method. */
export interface ParameterMetadata {
  readonly index: number;
  /** What kind of parameter it is, by Nest's numbers; `undefined` for one that `createParamDecorator` made. */
  readonly type: number | undefined;
  /** What the decorator was given: of a payload, the path. */
  readonly data: unknown;
  readonly factory: unknown;
  readonly schema: StandardSchemaV1 | undefined;
  readonly pipes: readonly (Type<PipeTransform> | PipeTransform)[];
}

/** What parameter decorators noted of a method, in order of its parameters. */
export function readParameters(client: Type<object>, key: string | symbol): ParameterMetadata[] {
  const noted = Reflect.getMetadata(PARAMETERS_METADATA, client, key) as
    Record<string, Partial<ParameterMetadata> & { readonly index: number }> | undefined;
  return Object.entries(noted ?? {})
    .map(([name, { index, data, factory, schema, pipes = [] }]) => ({
      index,
      type: name.includes(CUSTOM_PARAMETER) ? undefined : Number(name.split(':', 1)[0]),
      data,
      factory,
      schema,
      pipes: pipes.filter((pipe) => Boolean(pipe)),
    }))
    .toSorted((one, other) => one.index - other.index);
}
