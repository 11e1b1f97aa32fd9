import { Metering } from '../manager/metering.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';

/**
 * What a module was given to measure by.
 *
 * @throws ConfigurationError in an application without clients of this library
 */
export function toMetering(given: unknown, who: string): Metering {
  if (given instanceof Metering) return given;
  throw new ConfigurationError(
    `${who} has no clients to measure: import WebSockexModule.forRoot() in the root module, too.`,
  );
}
