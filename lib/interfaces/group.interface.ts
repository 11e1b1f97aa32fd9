import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { RestartLimitError } from '../runtime/errors/client.errors.js';
import type { RestartLimit } from '../runtime/supervision/restart.policy.js';
import type { Strategy } from '../runtime/supervision/supervisor.port.js';

/**
 * Clients that are supervised together; a client that no group lists is one of its own.
 *
 * @publicApi
 */
export interface ClientGroup {
  readonly strategy: Strategy;
  /** In order of start. */
  readonly clients: readonly ClientHandle[];
}

/**
 * What to do when a supervisor gives up, after every member of its group has ended.
 *
 * - `log`: an error in the log.
 * - `shutdown`: an error in the log, then the application is closed by a SIGTERM to the own process,
 *   with exit code 1. It wants `app.enableShutdownHooks()`; without, the process ends at once.
 * - a function, which is told instead; what it throws is logged.
 *
 * @publicApi
 */
export type OnGiveUp =
  'log' | 'shutdown' | ((group: ClientGroup, error: RestartLimitError) => void | Promise<void>);

/**
 * How the clients of one `forFeature` are supervised. With it they are one group; without, each
 * is a group of its own.
 *
 * @publicApi
 */
export interface GroupOptions extends Partial<RestartLimit> {
  /** Who is restarted with one that is. @default 'one_for_one' */
  readonly strategy?: Strategy;
  /** @default that of `forRoot` */
  readonly onGiveUp?: OnGiveUp;
}
