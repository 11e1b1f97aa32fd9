import { Inject, Optional, type Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

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
 */
export async function makeInstance<T extends object>(
  moduleRef: ModuleRef,
  type: Type<T>,
): Promise<T> {
  const instance = await moduleRef.create(type);
  const decorate = (moduleRef as unknown as Instrumented).container?.contextOptions?.instrument
    ?.instanceDecorator;
  return decorate === undefined ? instance : (decorate(instance) as T);
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
  const host = await moduleRef.create(Host);
  return host.dependencies;
}
