import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { FatalError, RestartLimitError } from '../runtime/errors/client.errors.js';
import type { RestartLimit } from '../runtime/supervision/restart.policy.js';
import type { Strategy } from '../runtime/supervision/supervisor.port.js';

/**
 * Clients that are supervised together. A client that is in no group with others, as one that was
 * started at run time, is a group of its own.
 *
 * @publicApi
 */
export interface ClientGroup {
  readonly strategy: Strategy;
  /**
   * In order of start. All of them have ended when `onGiveUp` is given the group and a
   * `RestartLimitError`; with a `FatalError` those that are `failed` have.
   */
  readonly clients: readonly ClientHandle[];
}

/**
 * What to do when a supervisor gives up, after every member of its group has ended; and when a client
 * has ended by a `FatalError`, after those that would have been restarted with it.
 *
 * - `log`: an error in the log.
 * - `shutdown`: an error in the log, then the application is closed by a SIGTERM to the own process,
 *   with exit code 1. It wants `app.enableShutdownHooks()`; without, the process ends at once, or
 *   what listens for SIGTERM has to close the application. In a worker thread the shutdown hooks run
 *   either way, and the thread ends with exit code 1; the process lives on.
 * - a function, which is called instead: nothing is logged but what it throws or rejects with.
 *
 * @publicApi
 */
export type OnGiveUp =
  | 'log'
  | 'shutdown'
  | ((group: ClientGroup, error: RestartLimitError | FatalError) => void | Promise<void>);

/**
 * How the clients of one `forFeature` are supervised. With it they are one group; without, each
 * is a group of its own. `maxRestarts` and `within` count the restarts of all members together: one
 * for each end that was followed by one, however many were restarted with it. Those of a client
 * count beside them where they are set.
 *
 * @example
 * WebSockexModule.forFeature([LoginClient, AccountClient], { strategy: 'rest_for_one' })
 *
 * @publicApi
 */
export interface GroupOptions extends Partial<RestartLimit> {
  /** Which clients restart together. @default 'one_for_one' */
  readonly strategy?: Strategy;
  /** @default that of `forRoot` */
  readonly onGiveUp?: OnGiveUp;
}
