import type { FactoryProvider, Type } from '@nestjs/common';

import { CLIENT_LIST } from '../websockex.constants.js';

type ListFactory = (() => null) & { readonly clients: readonly Type<object>[] };

/**
 * A provider that lists client classes for the explorer. They stand on the factory, where Nest's
 * instance decorator cannot put a proxy before them.
 */
export function provideClientList(clients: readonly Type<object>[]): FactoryProvider {
  const useFactory: ListFactory = Object.assign(() => null, { clients });
  return { provide: CLIENT_LIST, useFactory };
}

/** The classes of a list, from what Nest keeps of its provider. */
export function readClientList(factory: unknown): readonly Type<object>[] {
  return (factory as ListFactory).clients;
}
