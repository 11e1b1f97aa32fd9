import type { FactoryProvider, Type } from '@nestjs/common';

import type { GroupOptions } from '../interfaces/group.interface.js';
import { CLIENT_LIST } from '../websockex.constants.js';

type ListFactory = (() => null) & ClientList;

/** The classes of a list, and how it wants them supervised. */
export interface ClientList {
  readonly clients: readonly Type<object>[];
  readonly options: GroupOptions | undefined;
}

/**
 * A provider that lists client classes for the explorer. They stand on the factory, where Nest's
 * instance decorator cannot put a proxy before them.
 */
export function provideClientList(
  clients: readonly Type<object>[],
  options?: GroupOptions,
): FactoryProvider {
  const useFactory: ListFactory = Object.assign(() => null, { clients, options });
  return { provide: CLIENT_LIST, useFactory };
}

/** A list, from what Nest keeps of its provider. */
export function readClientList(factory: unknown): ClientList {
  return factory as ListFactory;
}
