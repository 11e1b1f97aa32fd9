import type { GroupOptions } from '../interfaces/group.interface.js';
import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { isRedactList } from '../runtime/errors/redact-url.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { checkOptions, CLIENT_OPTION_NAMES } from '../runtime/options/options.checker.js';
import { unknownOption } from '../runtime/options/unknown-option.js';

/** Options of a client are no options of its group. */
const NOT_OF_GROUPS: ReadonlyMap<string, string> = new Map(
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
      throw unknownOption(name, { where, known: Object.keys(GROUP), elsewhere: NOT_OF_GROUPS });
    }
    if (value !== undefined && !check.fits(value)) {
      throw new ConfigurationError(
        `${where}: the option "${name}" is ${inspectShort(value)}; it must be ${check.wanted}`,
      );
    }
  }
}

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
