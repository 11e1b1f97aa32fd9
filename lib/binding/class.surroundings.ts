import type { Type } from '@nestjs/common';

import { ENHANCED, type Enhancers, readEnhancers } from '../discovery/enhancer.accessor.js';
import { readParameters } from '../discovery/parameter.accessor.js';
import type { HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { PAYLOAD_PARAMETER } from '../websockex.constants.js';
import { Surroundings } from './enhanced.handler.js';
import type { LiveEnhancers, ModuleEnhancers } from './enhancers.js';
import { type HandlerRunner, HandlerSeam } from './handler.runner.js';
import type { Parameter } from './parameter.resolver.js';

/** All that decorators of a class, and of its handlers, name for the injector to make. */
export function enhancersOf(
  client: Type<object>,
  handlers: readonly HandlerMetadata[],
): readonly Enhancers[] {
  const named = handlers
    .filter(({ kind }) => ENHANCED.has(kind))
    .flatMap(({ key }) => [
      readEnhancers(methodOf(client, key)),
      ...readParameters(client, key).map(({ pipes }) => ({ ...NONE, pipes })),
    ]);
  const all = named.length === 0 ? [] : [readEnhancers(client), ...named];
  return all.filter((one) =>
    Object.values(one).some((list: readonly unknown[]) => list.length > 0),
  );
}

/** What stands before the handlers of a class: of most of them, nothing. */
export class ClassSurroundings {
  private constructor(
    private readonly known: ReadonlyMap<HandlerMetadata, Surroundings>,
    /** Runs every call of a handler, where the application has one. */
    readonly seam: HandlerSeam | undefined,
  ) {}

  /**
   * `undefined` where nothing stands before any of them, nor around them.
   *
   * @param made absent in a test of the class alone: then parameters and their schemas are all there is
   */
  static of(
    client: Type<object>,
    handlers: readonly HandlerMetadata[],
    made: ModuleEnhancers | undefined,
    runner?: HandlerRunner,
  ): ClassSurroundings | undefined {
    const known = new Map<HandlerMetadata, Surroundings>();
    for (const handler of handlers) {
      if (!ENHANCED.has(handler.kind)) continue;
      const surroundings = surround(client, handler, made);
      if (surroundings !== undefined) known.set(handler, surroundings);
    }
    const seam = runner && new HandlerSeam(client, runner);
    return known.size === 0 && seam === undefined ? undefined : new ClassSurroundings(known, seam);
  }

  /** What stands before one handler. */
  of(handler: HandlerMetadata): Surroundings | undefined {
    return this.known.get(handler);
  }
}

const NONE: LiveEnhancers = { guards: [], pipes: [], interceptors: [], filters: [] };

function surround(
  client: Type<object>,
  handler: HandlerMetadata,
  made: ModuleEnhancers | undefined,
): Surroundings | undefined {
  const { kind, key, pattern, schema } = handler;
  const layers = [
    made?.globals,
    made?.live(readEnhancers(client)),
    made?.live(readEnhancers(methodOf(client, key))),
  ].filter((layer) => layer !== undefined);
  const all = <K extends keyof LiveEnhancers>(name: K): LiveEnhancers[K][number][] =>
    layers.flatMap((layer) => [...layer[name]] as LiveEnhancers[K][number][]);
  const enhancers = {
    guards: all('guards'),
    interceptors: all('interceptors'),
    filters: all('filters'),
  };
  const pipes = all('pipes');
  const types = (Reflect.getMetadata('design:paramtypes', client.prototype as object, key) ??
    []) as Type<unknown>[];
  const noted = readParameters(client, key);
  // Pipes of the class or the method are for what the method is called with, where no decorator says more.
  const count = kind === 'cast' || kind === 'call' ? types.length : 1;
  const plain =
    pipes.length === 0 || noted.length > 0 ? [] : Array.from({ length: count }, undecorated);
  const parameters: Parameter[] = [...noted, ...plain].map((one) => ({
    ...one,
    metatype: types[one.index],
    isPlain: noted.length === 0,
    pipes: [...pipes, ...(made?.live({ ...NONE, pipes: one.pipes }).pipes ?? [])],
  }));
  const isBare =
    parameters.length === 0 && Object.values(enhancers).every(({ length }) => length === 0);
  if (isBare) return undefined;
  return new Surroundings({ client, kind, key, pattern }, { parameters, schema }, enhancers);
}

function undecorated(_: unknown, index: number): ReturnType<typeof readParameters>[number] {
  return {
    index,
    type: PAYLOAD_PARAMETER,
    data: undefined,
    factory: undefined,
    schema: undefined,
    pipes: [],
  };
}

function methodOf(client: Type<object>, key: string | symbol): object {
  return (client.prototype as Record<string | symbol, object>)[key] ?? {};
}
