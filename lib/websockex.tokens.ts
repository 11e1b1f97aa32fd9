import type { Type } from '@nestjs/common';

import type { ClientMetadata } from './interfaces/client-metadata.interface.js';
import { ConfigurationError } from './runtime/errors/client.errors.js';
import { CLIENT_METADATA } from './websockex.constants.js';

/** The name a client class goes by: its `name` option, or its own. */
export function getClientName(client: Type<object>): string {
  const metadata = Reflect.getMetadata(CLIENT_METADATA, client) as ClientMetadata | undefined;
  return typeof metadata?.name === 'string' ? metadata.name : client.name;
}

/**
 * The injection token of a client's handle: for `app.get()`, for `inject` of a factory, and for
 * `overrideProvider()`, which also keeps the client from being started.
 *
 * @throws ConfigurationError for what is neither a class nor a name
 * @publicApi
 */
export function getClientToken(client: Type<object> | string): string {
  if (typeof client === 'string') return `websockex:handle:${client}`;
  if (typeof client === 'function') return `websockex:handle:${getClientName(client)}`;
  throw new ConfigurationError(
    `a client class was expected, and ${String(client)} was given. Two source files that import each ` +
      "other see undefined for one moment: give the client's name instead, as in @InjectClient('FeedClient')",
  );
}
