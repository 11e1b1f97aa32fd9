import type { Type } from '@nestjs/common';

import type { ClientHandle } from '../runtime/client/client-handle.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { type Check, isDuration, isPositive } from '../runtime/options/option.checks.js';
import { unknownOption } from '../runtime/options/unknown-option.js';

/**
 * Which client is meant. A class stands for every client of it: the one that a module lists, and those that were
 * started at run time.
 *
 * @publicApi
 */
export type HealthClient = Type<object> | ClientHandle | string;

/**
 * What a health check looks at, and how long it is patient. All times are milliseconds on the clock of the application.
 *
 * @publicApi
 */
export interface WebSockexHealthOptions {
  /** Which clients are looked at. @default every client of the application */
  readonly clients?: readonly HealthClient[];
  /**
   * Those that must be there: the check is down when one of them is away for `downAfter`, has ended, or is not known.
   * They are looked at, whether `clients` names them or not. Others only degrade it.
   *
   * @default those that `clients` names; without it, those that modules list, save those of `startup: 'manual'`
   */
  readonly required?: readonly HealthClient[];
  /**
   * How long a client may have no session that is ready before it is away. It has one once its `@OnConnect` is done.
   *
   * @default 5_000, or `downAfter` where that is less
   */
  readonly lostAfter?: number;
  /** How long a required client may have none before the check is down; `Infinity`: for ever. @default 30_000 */
  readonly downAfter?: number;
  /**
   * A client that is connected counts as away when its last text or binary frame was handed to its handler so long ago;
   * pings, and what `heartbeat.expect` takes, do not count. From the first check that asks, the time of every frame is
   * noted.
   *
   * @default none: a peer may be silent
   */
  readonly staleAfter?: number;
}

/** The same, without what is left open. */
export interface HealthSettings {
  readonly clients: readonly HealthClient[] | undefined;
  readonly required: readonly HealthClient[] | undefined;
  readonly lostAfter: number;
  readonly downAfter: number;
  /** `Infinity`: never. */
  readonly staleAfter: number;
}

const LOST_AFTER = 5_000;
const DOWN_AFTER = 30_000;

const isList: Check = (value) =>
  Array.isArray(value) ? undefined : 'an array of client classes, names or handles';

const CHECKS: Readonly<Record<keyof WebSockexHealthOptions, Check>> = {
  clients: isList,
  required: isList,
  lostAfter: isDuration,
  downAfter: isDuration,
  staleAfter: isPositive,
};

/**
 * Refuses options that are unknown, do not fit, or contradict each other; fills in the others.
 *
 * @param where who was given them, as errors say it
 * @throws ConfigurationError naming the option
 */
export function toHealthSettings(where: string, options: WebSockexHealthOptions): HealthSettings {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigurationError(
      `${where}: the options are ${inspectShort(options)}; they must be an object, such as { clients: [FeedClient] }`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof typeof CHECKS] : undefined;
    if (check === undefined) throw unknownOption(name, { where, known: Object.keys(CHECKS) });
    const wanted = value === undefined ? undefined : check(value);
    if (wanted === undefined) continue;
    throw new ConfigurationError(
      `${where}: the option "${name}" is ${inspectShort(value)}; it must be ${wanted}`,
    );
  }
  const { clients, required, downAfter = DOWN_AFTER, staleAfter = Infinity } = options;
  const { lostAfter = Math.min(LOST_AFTER, downAfter) } = options;
  if (lostAfter > downAfter) {
    throw new ConfigurationError(
      `${where}: lostAfter (${lostAfter}) is above downAfter (${downAfter}), and a client is away before it is down. ` +
        'Give a lower lostAfter, or a higher downAfter',
    );
  }
  return { clients, required, lostAfter, downAfter, staleAfter };
}
