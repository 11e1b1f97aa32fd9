import { Inject, type Type } from '@nestjs/common';

import { checkFactory, checkInjected } from './decorator.checker.js';
import { getClientToken } from '../websockex.tokens.js';

/**
 * Injects the handle of a client, by its class or its name.
 *
 * @example
 * constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}
 *
 * @throws ConfigurationError, while the file is loaded, for what is neither a class nor a name, and on
 * what is neither a parameter of a constructor nor a field
 * @publicApi
 */
export function InjectClient(
  client: Type<object> | string,
): PropertyDecorator & ParameterDecorator {
  if (arguments.length > 1) checkFactory('@InjectClient', '@InjectClient(FeedClient)', arguments);
  const inject = Inject(getClientToken(client));
  return (...decorated: [target: object, key?: string | symbol, index?: unknown]) => {
    checkInjected('@InjectClient', decorated);
    inject(...(decorated as unknown as Parameters<typeof inject>));
  };
}
