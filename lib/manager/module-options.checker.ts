import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';

const KNOWN: ReadonlySet<string> = new Set<keyof WebSockexModuleOptions>([
  'defaults',
  'shutdownTimeout',
]);

/**
 * Refuses what `forRoot`, or a factory of `forRootAsync`, may not give.
 *
 * @throws ConfigurationError
 */
export function checkModuleOptions(options: WebSockexModuleOptions | undefined): void {
  const where = 'WebSockexModule.forRoot()';
  for (const name of Object.keys(options ?? {})) {
    if (!KNOWN.has(name)) {
      throw new ConfigurationError(
        `${where}: unknown option "${name}". Known are: clients, ${[...KNOWN].join(', ')}. ` +
          'Options for every client go into defaults; in forRootAsync, clients stand beside the factory.',
      );
    }
  }
  const timeout = options?.shutdownTimeout;
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
    throw new ConfigurationError(
      `${where}: shutdownTimeout is ${inspectShort(timeout)}; it must be a number of milliseconds`,
    );
  }
  if (options?.defaults !== undefined) checkOptions(`${where} defaults`, options.defaults);
}
