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
function isOnGiveUp(value: unknown): boolean {
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

const BUDGET: Readonly<
  Record<keyof NonNullable<WebSockexModuleOptions['budget']>, Checks[string]>
> = {
  concurrent: { wanted: 'a whole number above 0', fits: isPlaces },
  limiter: {
    wanted: 'an object with the method enter(origin, signal)',
    fits: (value) =>
      typeof value === 'object' &&
      value !== null &&
      typeof (value as { enter?: unknown }).enter === 'function',
  },
  perSecond: {
    wanted: 'a number above 0',
    fits: (value) => typeof value === 'number' && value > 0 && value < Infinity,
  },
};

function isPlaces(value: unknown): boolean {
  return typeof value === 'number' && value >= 1 && (Number.isInteger(value) || value === Infinity);
}

function checkBudget(budget: unknown, where: string): void {
  if (typeof budget !== 'object' || budget === null) {
    throw new ConfigurationError(
      `${where}: budget is ${inspectShort(budget)}; it must be an object of concurrent, perSecond and limiter`,
    );
  }
  for (const [name, value] of Object.entries(budget)) {
    const check = Object.hasOwn(BUDGET, name) ? (BUDGET as Checks)[name] : undefined;
    if (check === undefined) {
      const known = Object.keys(BUDGET);
      throw unknownOption(name, { where, path: 'budget.', known, elsewhere: NOT_OF_BUDGETS });
    }
    if (value !== undefined && !check.fits(value)) {
      throw new ConfigurationError(
        `${where}: budget.${name} is ${inspectShort(value)}; it must be ${check.wanted}`,
      );
    }
  }
}

const NOT_OF_BUDGETS: ReadonlyMap<string, string> = new Map([
  ['maxConcurrentConnects', 'stands beside budget'],
]);

const KNOWN: readonly string[] = [
  'budget',
  'defaults',
  'inheritGlobalEnhancers',
  'maxConcurrentConnects',
  'onGiveUp',
  'redact',
  'shutdownTimeout',
] satisfies (keyof WebSockexModuleOptions)[];

const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...CLIENT_OPTION_NAMES.map((name) => [name, 'belongs into defaults'] as const),
  ['clients', 'is for forRoot(): in forRootAsync, clients stand beside the factory'],
  ...Object.keys(BUDGET).map((name) => [name, 'belongs into budget'] as const),
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
  if (most !== undefined && !isPlaces(most)) {
    throw new ConfigurationError(
      `${where}: maxConcurrentConnects is ${inspectShort(most)}; it must be a whole number above 0`,
    );
  }
  const inherits: unknown = options?.inheritGlobalEnhancers;
  if (inherits !== undefined && typeof inherits !== 'boolean') {
    throw new ConfigurationError(
      `${where}: inheritGlobalEnhancers is ${inspectShort(inherits)}; it must be true or false`,
    );
  }
  if (options?.budget !== undefined) checkBudget(options.budget, where);
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
