import { isOnGiveUp } from '../discovery/group.checker.js';
import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import { CLIENT_OPTION_NAMES, checkOptions } from '../runtime/options/options.checker.js';
import { unknownOption } from '../runtime/options/unknown-option.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { isRedactList } from '../runtime/errors/redact-url.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';

const KNOWN: readonly string[] = [
  'defaults',
  'maxConcurrentConnects',
  'onGiveUp',
  'redact',
  'shutdownTimeout',
] satisfies (keyof WebSockexModuleOptions)[];

const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...CLIENT_OPTION_NAMES.map((name) => [name, 'belongs into defaults'] as const),
  ['clients', 'is for forRoot(): in forRootAsync, clients stand beside the factory'],
  ['strategy', 'belongs into the second argument of forFeature()'],
]);

/**
 * Refuses what `forRoot`, or a factory of `forRootAsync`, may not give.
 *
 * @throws ConfigurationError
 */
export function checkModuleOptions(options: WebSockexModuleOptions | undefined): void {
  const where = 'WebSockexModule.forRoot()';
  for (const name of Object.keys(options ?? {})) {
    if (KNOWN.includes(name)) continue;
    throw unknownOption(name, {
      where,
      known: ['clients', ...KNOWN],
      elsewhere: ELSEWHERE,
      note: 'Options for every client go into defaults',
    });
  }
  const timeout = options?.shutdownTimeout;
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
    throw new ConfigurationError(
      `${where}: shutdownTimeout is ${inspectShort(timeout)}; it must be a number of milliseconds`,
    );
  }
  const most = options?.maxConcurrentConnects;
  if (most !== undefined && !(most >= 1 && (Number.isInteger(most) || most === Infinity))) {
    throw new ConfigurationError(
      `${where}: maxConcurrentConnects is ${inspectShort(most)}; it must be a whole number above 0`,
    );
  }
  if (options?.onGiveUp !== undefined && !isOnGiveUp(options.onGiveUp)) {
    throw new ConfigurationError(
      `${where}: onGiveUp is ${inspectShort(options.onGiveUp)}; it must be 'log', 'shutdown' or a function`,
    );
  }
  if (options?.redact !== undefined && !isRedactList(options.redact)) {
    throw new ConfigurationError(
      `${where}: redact is ${inspectShort(options.redact)}; it must be an array of names that are not empty and of RegExp`,
    );
  }
  if (options?.defaults !== undefined) checkOptions(`${where} defaults`, options.defaults);
}
