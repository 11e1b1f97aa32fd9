import type { Type } from '@nestjs/common';

import type { ClientMetadata } from './interfaces/client-metadata.interface.js';
import { ConfigurationError } from './runtime/errors/client.errors.js';
import { CLIENT_METADATA } from './websockex.constants.js';

const PREFIX = 'websockex:handle:';

/** Nest shows the token where it finds no provider of it, and knows no better what to do. */
const SUFFIX = ' (list the class in WebSockexModule.forRoot, or import WebSockexModule.forFeature)';

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
  if (typeof client === 'string') return `${PREFIX}${client}${SUFFIX}`;
  if (typeof client === 'function') return getClientToken(getClientName(client));
  throw new ConfigurationError(
    `a client class was expected, and ${String(client)} was given. Two source files that import each ` +
      "other see undefined for one moment: give the client's name instead, as in @InjectClient('FeedClient')",
  );
}

/** The name of the client whose handle a token stands for; `undefined` for any other token. */
export function readClientToken(token: unknown): string | undefined {
  if (typeof token !== 'string' || !token.startsWith(PREFIX)) return undefined;
  return token.slice(PREFIX.length, -SUFFIX.length);
}
