import type { CloseReason } from './close-reason.js';

/**
 * What an end says of the next attempt.
 *
 * - `passing`: it may well succeed; it follows after the usual delay.
 * - `slow`: it is likely to fail the same way until somebody mends something; it follows after
 *   `reconnect.maxDelay`, and later ones after delays that double up to `reconnect.slowDelay`.
 * - `fatal`: none would help; the client ends as `failed`. Nothing is fatal unless the option `classify`,
 *   or a `FatalError`, says so.
 *
 * @publicApi
 */
export type EndClass = 'passing' | 'slow' | 'fatal';

/**
 * What `@OnDisconnect` gets, and the option `classify`. That is asked of each failed attempt of a rotation,
 * too, which `@OnDisconnect` is not told of: then `attempt` counts those, from 1, and `session` stays.
 *
 * @publicApi
 */
export interface DisconnectStatus {
  /** Why the session ended, or the attempt failed. */
  readonly reason: CloseReason;
  /** 1 for a lost session; 2, 3, … for each failed attempt after it. Failed first attempts count from 1. */
  readonly attempt: number;
  /** The number of the session that was lost, or of the last one; 0 before the first. */
  readonly session: number;
  /** What broke, where something did: a failed attempt's error, a `ProtocolError`, a socket error. */
  readonly error?: unknown;
  /** What the end says of the next attempt; absent where we wanted it ourselves. */
  readonly class?: EndClass;
  /**
   * Milliseconds until the next attempt, where `@OnDisconnect` returns nothing; absent where there is
   * to be none: by the policy, after a `close()`, or because the client ends.
   */
  readonly retryIn?: number;
}
