import { Scope, type Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import type { ClientDependency } from '../interfaces/client-metadata.interface.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';
import { readDependencies, readInjected } from './dependencies.js';
import { findProvider, resolveAlias, type NestModule } from './provider.finder.js';

/**
 * Refuses a class that is request-scoped or depends on what is: a socket outlives any request.
 *
 * @throws ConfigurationError naming the dependency
 */
export function checkScope(
  client: Type<object>,
  inject: readonly ClientDependency[],
  module: NestModule,
): void {
  checkOwnScope(client);
  for (const { token } of [...readDependencies(client), ...readInjected(inject)]) {
    if (isRequestScoped(module, token)) {
      throw new ConfigurationError(messages.requestScopedDependency(client.name, nameOf(token)));
    }
  }
}

/**
 * Refuses a class that is request-scoped itself.
 *
 * @throws ConfigurationError
 */
export function checkOwnScope(client: Type<object>): void {
  const scope = Reflect.getMetadata('scope:options', client) as { scope?: Scope } | undefined;
  if (scope?.scope === Scope.REQUEST) {
    throw new ConfigurationError(messages.requestScopedClient(client.name));
  }
}

/** What a class that could not be made is refused with: the dependency, where its scope is why. */
export function explainFailure(
  client: Type<object>,
  moduleRef: ModuleRef,
  thrown: unknown,
): unknown {
  const cause = readDependencies(client).find(({ token }) => {
    try {
      return moduleRef.introspect(token as Type<object>).scope === Scope.REQUEST;
    } catch {
      return false;
    }
  });
  if (cause === undefined) return thrown;
  return new ConfigurationError(
    messages.requestScopedDependency(client.name, nameOf(cause.token)),
    {
      cause: thrown,
    },
  );
}

function isRequestScoped(module: NestModule, token: unknown): boolean {
  const wrapper = findProvider(module, token);
  // What is no provider is the injector's to refuse, or optional.
  return wrapper !== undefined && !resolveAlias(wrapper).isDependencyTreeStatic();
}

function nameOf(token: unknown): string {
  return typeof token === 'function' ? token.name : String(token);
}
