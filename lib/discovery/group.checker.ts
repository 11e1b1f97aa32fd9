import type { GroupOptions } from '../interfaces/group.interface.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { CLIENT_OPTION_NAMES } from '../runtime/options/options.checker.js';
import { unknownOption } from '../runtime/options/unknown-option.js';

/** Options of a client are no options of its group. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map(
  CLIENT_OPTION_NAMES.map((name) => [name, 'belongs into @WebSockexClient(), or into defaults']),
);

type Checks = Readonly<Record<string, { wanted: string; fits: (value: unknown) => boolean }>>;

const STRATEGIES: readonly unknown[] = ['one_for_one', 'one_for_all', 'rest_for_one'];

const GROUP: Readonly<Record<keyof GroupOptions, Checks[string]>> = {
  strategy: {
    wanted: "'one_for_one', 'one_for_all' or 'rest_for_one'",
    fits: (value) => STRATEGIES.includes(value),
  },
  maxRestarts: {
    wanted: 'a whole number, 0 or more',
    fits: (value) =>
      typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value === Infinity),
  },
  within: {
    wanted: 'a number of milliseconds, 0 or more',
    fits: (value) => typeof value === 'number' && value >= 0,
  },
  onGiveUp: { wanted: "'log', 'shutdown' or a function", fits: isOnGiveUp },
};

/** Whether a value can be an `onGiveUp`. */
export function isOnGiveUp(value: unknown): boolean {
  return value === 'log' || value === 'shutdown' || typeof value === 'function';
}

/**
 * Refuses the options of a `forFeature` that are unknown or do not fit.
 *
 * @throws ConfigurationError naming the module and the option
 */
export function checkGroup(options: unknown, listedIn: string): void {
  const where = `WebSockexModule.forFeature() in ${listedIn}`;
  if (typeof options !== 'object' || options === null) {
    throw new ConfigurationError(
      `${where}: options must be an object, not ${inspectShort(options)}`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(GROUP, name) ? (GROUP as Checks)[name] : undefined;
    if (check === undefined) {
      throw unknownOption(name, { where, known: Object.keys(GROUP), elsewhere: ELSEWHERE });
    }
    if (value !== undefined && !check.fits(value)) {
      throw new ConfigurationError(
        `${where}: the option "${name}" is ${inspectShort(value)}; it must be ${check.wanted}`,
      );
    }
  }
}
