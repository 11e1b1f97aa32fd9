import type { FactoryProvider, Type } from '@nestjs/common';

import { findProvider, type NestModule } from './provider.finder.js';

/** The token of the check that nobody asks for what is no provider; see `injection.checker`. */
export const INJECTION_CHECK = 'websockex:injection-check';

/**
 * Stands under a class that is no provider, where its handle stands: a test may override a client
 * class all the same, and a service that asks for it waits for the check, which tells it what to write
 * before its constructor runs.
 */
export function provideMarker(type: FactoryProvider['provide']): FactoryProvider {
  return { provide: type, inject: [{ token: INJECTION_CHECK, optional: true }], useFactory: mark };
}

/** What a module sees under a class: nothing, the marker, or what a test has put in its place. */
export function readMarker(
  module: NestModule,
  type: Type<object>,
): 'none' | 'marker' | 'overridden' {
  const found = findProvider(module, type);
  if (found === undefined) return 'none';
  return found.metatype === (mark as unknown) ? 'marker' : 'overridden';
}

/** Takes all markers away: who asks for such a class from now on is told what Nest tells of any class. */
export function removeMarkers(modules: readonly NestModule[]): void {
  for (const { providers } of modules) {
    for (const [token, { metatype }] of providers) {
      if (metatype === (mark as unknown)) providers.delete(token);
    }
  }
}

function mark(): null {
  return null;
}
