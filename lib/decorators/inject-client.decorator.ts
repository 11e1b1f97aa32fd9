import { Inject, type Type } from '@nestjs/common';

import { getClientToken } from '../websockex.tokens.js';

/**
 * Injects the handle of a client, by its class or its name.
 *
 * @example
 * constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}
 *
 * @throws ConfigurationError, while the file is loaded, for what is neither a class nor a name
 * @publicApi
 */
export function InjectClient(
  client: Type<object> | string,
): PropertyDecorator & ParameterDecorator {
  return Inject(getClientToken(client));
}
