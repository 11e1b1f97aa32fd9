import { Inject, Optional, type Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import { readDependencies } from '../discovery/dependencies.js';
import type { ClientDependency } from '../interfaces/client-metadata.interface.js';

/** What of a `ModuleRef` Nest keeps to itself: the application's `instrument` option. */
interface Instrumented {
  readonly container?: {
    readonly contextOptions?: {
      readonly instrument?: { readonly instanceDecorator?: (instance: unknown) => unknown };
    };
  };
}

/**
 * Makes an instance of a class with the injector of a module: it may inject whatever that module
 * sees. `ModuleRef.create` leaves out the application's instance decorator (observability tools
 * hand out proxies by it); here it is applied as to any provider.
 *
 * @param isAlone whether the class asks for nothing, for who knows
 */
export function makeInstance<T extends object>(
  moduleRef: ModuleRef,
  type: Type<T>,
  isAlone = asksForNothing(type),
): T | Promise<T> {
  const decorate = (moduleRef as unknown as Instrumented).container?.contextOptions?.instrument
    ?.instanceDecorator;
  const decorated = (instance: T): T =>
    decorate === undefined ? instance : (decorate(instance) as T);
  return isAlone ? decorated(new type()) : create(moduleRef, type).then(decorated);
}

/**
 * Whether a class asks for nothing: then it is made as it is, without an injector that would go a long way
 * to find that out. One whose parameters nobody has noted is left to that, which warns of them.
 */
export function asksForNothing(type: Type<object>): boolean {
  return type.length === 0 && readDependencies(type).length === 0;
}

/** Resolves tokens as a module sees them, by making a class that asks for them. */
export async function injectAll(
  moduleRef: ModuleRef,
  name: string,
  tokens: readonly ClientDependency[],
): Promise<readonly unknown[]> {
  class Host {
    readonly dependencies: readonly unknown[];

    constructor(...dependencies: unknown[]) {
      this.dependencies = dependencies;
    }
  }
  Object.defineProperty(Host, 'name', { value: name });
  for (const [index, token] of tokens.entries()) {
    const isOptional = typeof token === 'object' && 'optional' in token;
    Inject(isOptional ? token.token : token)(Host, undefined, index);
    if (isOptional && token.optional) Optional()(Host, undefined, index);
  }
  const host = await create(moduleRef, Host);
  return host.dependencies;
}

/** What an injector knows of a class that it makes. */
interface Wrapper {
  isDependencyTreeStatic(): boolean;
}

/** What makes instances for a `ModuleRef`. */
interface Injector {
  resolveConstructorParams(
    wrapper: Wrapper,
    module: unknown,
    inject: unknown,
    make: (dependencies: unknown[]) => Promise<void>,
    context: unknown,
    inquirer?: Wrapper,
  ): Promise<void>;
}

/**
 * `ModuleRef.create`. Before Nest 11.1.20 that does not tell its injector for whom it asks: a
 * transient provider, and a request-scoped one, is injected before it has been constructed.
 */
function create<T>(moduleRef: ModuleRef, type: Type<T>): Promise<T> {
  const { injector } = moduleRef as unknown as { readonly injector: Injector };
  if ('createResolutionContext' in injector) return moduleRef.create(type);
  const resolveConstructorParams: Injector['resolveConstructorParams'] = (
    wrapper,
    module,
    inject,
    make,
    context,
  ) => {
    const makeStatic: typeof make = (dependencies) => {
      if (wrapper.isDependencyTreeStatic()) return make(dependencies);
      throw new Error(`${type.name} depends on what is request-scoped`);
    };
    return injector.resolveConstructorParams(wrapper, module, inject, makeStatic, context, wrapper);
  };
  const telling = Object.assign(Object.create(injector) as Injector, { resolveConstructorParams });
  return Object.assign(Object.create(moduleRef) as ModuleRef, { injector: telling }).create(type);
}
