import type {
  CanActivate,
  ExceptionFilter,
  NestInterceptor,
  PipeTransform,
  Type,
} from '@nestjs/common';
import type { ApplicationConfig, ModuleRef } from '@nestjs/core';

import { type Enhancers, ENHANCERS } from '../discovery/enhancer.accessor.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { messages } from '../websockex.messages.js';
import { makeInstance } from './class.maker.js';

/** Guards, pipes, interceptors and exception filters, ready to be called. */
export interface LiveEnhancers {
  readonly guards: readonly CanActivate[];
  readonly pipes: readonly PipeTransform[];
  readonly interceptors: readonly NestInterceptor[];
  readonly filters: readonly ExceptionFilter[];
}

/** What of a `ModuleRef` Nest keeps to itself: what is global in its application. */
interface Configured {
  readonly container: { readonly applicationConfig: ApplicationConfig };
}

/**
 * What stands around the handlers of one class, made by the injector of the module that makes its instances. Nest
 * makes such things for its own providers and controllers alone, and would pass over those of a client.
 */
export class ModuleEnhancers {
  private constructor(
    /** Those that classes were given for. */
    private readonly made: ReadonlyMap<unknown, object>,
    /** Those of the application, where they are to apply. */
    readonly globals: LiveEnhancers | undefined,
  ) {}

  /** @throws ConfigurationError for what is none of them; what the injector throws */
  static async make(
    client: Type<object>,
    moduleRef: ModuleRef,
    wanted: readonly Enhancers[],
    inheritsGlobals: boolean,
  ): Promise<ModuleEnhancers> {
    const made = new Map<unknown, object>();
    for (const { kind, method } of ENHANCERS) {
      for (const one of wanted.flatMap((enhancers) => [...enhancers[kind]] as object[])) {
        if (typeof one === 'function' && !made.has(one)) {
          made.set(one, await provide(moduleRef, one as Type<object>));
        }
        const live = (made.get(one) ?? one) as Record<string, unknown>;
        if (typeof live[method] !== 'function') {
          throw new ConfigurationError(messages.noEnhancer(client.name, inspectShort(one), method));
        }
      }
    }
    return new ModuleEnhancers(made, inheritsGlobals ? readGlobals(moduleRef) : undefined);
  }

  /** Those that decorators name, ready to be called. */
  live({ guards, pipes, interceptors, filters }: Enhancers): LiveEnhancers {
    const live = <T>(list: readonly (Type<T> | T)[]): T[] =>
      list.map((one) => (this.made.get(one) ?? one) as T);
    return {
      guards: live(guards),
      pipes: live(pipes),
      interceptors: live(interceptors),
      filters: live(filters),
    };
  }
}

/** One that is a provider of the module is that; so a test can override it. */
async function provide(moduleRef: ModuleRef, type: Type<object>): Promise<object> {
  try {
    return moduleRef.get<object>(type, { strict: true });
  } catch {
    return makeInstance(moduleRef, type);
  }
}

function readGlobals(moduleRef: ModuleRef): LiveEnhancers | undefined {
  const config = (moduleRef as unknown as Configured).container.applicationConfig;
  const globals = {
    guards: config.getGlobalGuards(),
    pipes: config.getGlobalPipes(),
    interceptors: config.getGlobalInterceptors(),
    filters: config.getGlobalFilters(),
  };
  return Object.values(globals).some((list) => list.length > 0) ? globals : undefined;
}
